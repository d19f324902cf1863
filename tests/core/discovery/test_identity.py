from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from narthex.config.types import Secret
from narthex.discovery.identity import identity


@dataclass(frozen=True)
class Block:
    labels: Any = field(default_factory=dict)
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Other:
    labels: Any = field(default_factory=dict)


def test_equal_values_are_one_and_others_are_not():
    assert identity(Block({"a": "1", "b": "2"})) == identity(Block({"b": "2", "a": "1"}))
    assert identity(Block({"a": "1"})) != identity(Block({"a": "2"}))
    assert identity(Block({"a": "1"})) != identity(Other({"a": "1"}))
    assert identity((Block(), Block())) != identity((Block(),))


def test_fields_that_do_not_compare_do_not_count():
    assert identity(Block(note="x")) == identity(Block(note="y"))


def test_secrets_count_by_what_they_hide():
    assert identity(Block({"a": Secret("x")})) == identity(Block({"a": Secret("x")}))
    assert identity(Block({"a": Secret("x")})) != identity(Block({"a": Secret("y")}))
