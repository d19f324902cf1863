"""Configuration back to YAML, for people and for ``/api/v1/status/config``: defaults filled in, secrets masked.

The jobs of included files stand among the others, so the text can be loaded by itself. A field is left out where it
holds its default and that is nothing (null, empty, zero, false); so an explicit empty text against a default survives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

import yaml

from narthex.config.decode import field_key
from narthex.config.safety import Share
from narthex.config.types import Duration, Secret, Size, Url

__all__ = ["dump", "plain"]

_HIDDEN = ("narthex.internal", "narthex.consumed")
_TEXT = "tag:yaml.org,2002:str"
_LIST = "tag:yaml.org,2002:seq"


def dump(config: Any, *, defaults: bool = True) -> str:
    """A configuration dataclass as YAML text, secrets as ``<secret>``; without ``defaults`` only what differs."""
    data = plain(config, defaults=defaults)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)


def plain(value: Any, *, defaults: bool = True) -> Any:
    """Mappings, lists, text, numbers and flags only; keys as in the file. Ready for YAML or JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _section(value, defaults=defaults)
    if isinstance(value, Mapping):
        return {str(name): plain(one, defaults=defaults) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, defaults=defaults) for one in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Secret | Duration | Share):
        return str(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Size):
        return str(value) if value else 0
    if isinstance(value, Url):
        return value.masked
    return int(value) if isinstance(value, int) else str(value)


def _section(value: Any, *, defaults: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for one in dataclasses.fields(value):
        inner = getattr(value, one.name)
        if any(name in one.metadata for name in _HIDDEN) or _omitted(one, inner, defaults=defaults):
            continue
        shown = _opened(inner, defaults=defaults) if "narthex.open" in one.metadata else plain(inner, defaults=defaults)
        if one.metadata.get("narthex.inline") or "narthex.open" in one.metadata:
            result.update(shown)
        elif one.metadata.get("narthex.flow"):
            result[field_key(one)] = _Flow(shown)
        elif shown != {} or not _is_default(one, inner):
            result[field_key(one)] = shown
    return result


def _opened(value: Any, *, defaults: bool) -> dict[str, Any]:
    """Blocks of plugin kinds under the keys that they came from."""
    if not isinstance(value, tuple):
        return {value.kind: plain(value.config, defaults=defaults)} if value.config is not None else {}
    result: dict[str, Any] = {}
    for block in value:
        configs = block.config if isinstance(block.config, tuple) else (block.config,)
        result.setdefault(block.key, []).extend(plain(one, defaults=defaults) for one in configs)
    return result


def _is_default(one: dataclasses.Field[Any], value: Any) -> bool:
    if one.default_factory is not MISSING:
        return bool(value == one.default_factory())
    return one.default is not MISSING and bool(value == one.default)


def _omitted(one: dataclasses.Field[Any], value: Any, *, defaults: bool) -> bool:
    if value is None:
        return True
    if not defaults or "narthex.later" in one.metadata:
        return _is_default(one, value)
    if dataclasses.is_dataclass(value) or value:
        return False
    return _is_default(one, value)


class _Flow(list[Any]):
    """A list that is printed on one line."""

    __slots__ = ()


class _Dumper(yaml.CSafeDumper):
    """Safe dumping through libyaml: multi-line text in blocks, double quotes where text would be something else."""


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    if "\n" in value:
        return dumper.represent_scalar(_TEXT, value, style="|")
    resolved = dumper.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(_TEXT, value, style=None if resolved == _TEXT else '"')


def _flow(dumper: yaml.CSafeDumper, value: _Flow) -> yaml.SequenceNode:
    return dumper.represent_sequence(_LIST, value, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Flow, _flow)
