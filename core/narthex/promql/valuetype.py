"""The four types of PromQL, under the API's names and under the names the documentation and error messages use."""

from __future__ import annotations

from enum import Enum

__all__ = ["ValueType"]


class ValueType(Enum):
    """What an expression evaluates to. The value is the API's ``resultType``; ``NONE`` only marks broken input."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"
    NONE = "none"

    @property
    def documented(self) -> str:
        """The name used in messages: an instant or range vector, instead of vector and matrix."""
        return _DOCUMENTED.get(self.value, self.value)


_DOCUMENTED = {"vector": "instant vector", "matrix": "range vector"}
