"""Names, argument types and results of all PromQL functions and aggregations (reference §9.1, §9.2).

The parser checks calls against this table; whether the engine implements a function is the engine's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from narthex.promql.valuetype import ValueType

__all__ = [
    "AGGREGATIONS",
    "EXPERIMENTAL_AGGREGATIONS",
    "FUNCTIONS",
    "PARAMETER_AGGREGATIONS",
    "Signature",
]

_S, _V, _M, _T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is called.

    ``variadic`` says how often the last argument may stand: 0 means exactly as listed; n > 0 that the last listed
    argument is optional and up to ``n`` stand there; -1 that any number does, none included.
    """

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType = ValueType.VECTOR
    variadic: int = 0
    experimental: bool = False

    @property
    def least(self) -> int:
        """The smallest number of arguments."""
        return len(self.args) - (1 if self.variadic else 0)

    @property
    def most(self) -> int | None:
        """The largest number of arguments; None means any."""
        return None if self.variadic < 0 else self.least + self.variadic if self.variadic else len(self.args)

    def argument(self, index: int) -> ValueType:
        """The type of argument ``index``; the last listed type repeats."""
        return self.args[min(index, len(self.args) - 1)]


_OF_VECTOR = """
abs absent ceil exp floor ln log10 log2 sgn sqrt deg rad acos acosh asin asinh atan atanh cos cosh sin sinh
tan tanh histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum sort sort_desc timestamp"""
_OF_TIME = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_OF_MATRIX = """absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate
last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time
sum_over_time"""
_OF_MATRIX_EXPERIMENTAL = """mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time
ts_of_min_over_time"""

_IRREGULAR = (
    Signature("clamp", (_V, _S, _S)),
    Signature("clamp_max", (_V, _S)),
    Signature("clamp_min", (_V, _S)),
    Signature("double_exponential_smoothing", (_M, _S, _S), experimental=True),
    Signature("end", (), _S, experimental=True),
    Signature("histogram_fraction", (_S, _S, _V)),
    Signature("histogram_quantile", (_S, _V)),
    Signature("histogram_quantiles", (_V, _T, _S, _S), variadic=9, experimental=True),
    Signature("info", (_V, _V), variadic=1, experimental=True),
    Signature("label_join", (_V, _T, _T, _T), variadic=-1),
    Signature("label_replace", (_V, _T, _T, _T, _T)),
    Signature("max_of", (_S, _S), _S, experimental=True),
    Signature("min_of", (_S, _S), _S, experimental=True),
    Signature("pi", (), _S),
    Signature("predict_linear", (_M, _S)),
    Signature("quantile_over_time", (_S, _M)),
    Signature("range", (), _S, experimental=True),
    Signature("round", (_V, _S), variadic=1),
    Signature("scalar", (_V,), _S),
    Signature("sort_by_label", (_V, _T), variadic=-1, experimental=True),
    Signature("sort_by_label_desc", (_V, _T), variadic=-1, experimental=True),
    Signature("start", (), _S, experimental=True),
    Signature("start_timestamp", (_V,), experimental=True),
    Signature("step", (), _S, experimental=True),
    Signature("time", (), _S),
    Signature("vector", (_S,)),
)


def _table() -> Mapping[str, Signature]:
    listed = [
        *(Signature(name, (_V,)) for name in _OF_VECTOR.split()),
        *(Signature(name, (_V,), variadic=1) for name in _OF_TIME.split()),
        *(Signature(name, (_M,)) for name in _OF_MATRIX.split()),
        *(Signature(name, (_M,), experimental=True) for name in _OF_MATRIX_EXPERIMENTAL.split()),
        *_IRREGULAR,
    ]
    return MappingProxyType({one.name: one for one in sorted(listed, key=lambda one: one.name)})


FUNCTIONS: Mapping[str, Signature] = _table()
"""Every function by name."""

PARAMETER_AGGREGATIONS: Mapping[str, ValueType] = MappingProxyType(
    {
        "bottomk": _S,
        "count_values": _T,
        "limit_ratio": _S,
        "limitk": _S,
        "quantile": _S,
        "topk": _S,
    }
)
"""Aggregations that take a parameter before the vector, with its type."""

AGGREGATIONS = frozenset({"avg", "count", "group", "max", "min", "stddev", "stdvar", "sum", *PARAMETER_AGGREGATIONS})
"""Every aggregation operator."""

EXPERIMENTAL_AGGREGATIONS = frozenset({"limit_ratio", "limitk"})
"""Those that need the option ``experimental_functions``."""
