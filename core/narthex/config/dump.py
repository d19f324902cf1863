"""Configuration back to YAML, for people and for ``/api/v1/status/config``: defaults filled in, secrets masked.

A field is left out where it holds its default and that is nothing (null, empty, zero, false); so an explicit empty text
against a default survives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

import yaml

from narthex.config.decode import field_key
from narthex.config.types import Duration, Secret, Size, Url

__all__ = ["dump", "plain"]


def dump(config: Any) -> str:
    """A configuration dataclass as YAML text, secrets as ``<secret>``."""
    return yaml.dump(plain(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)


def plain(value: Any) -> Any:
    """Mappings, lists, text, numbers and flags only; keys as in the file. Ready for YAML or JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _section(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Secret | Duration | Size):
        return str(value) if value or not isinstance(value, Size) else 0
    if isinstance(value, Url):
        return value.masked
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    return int(value) if isinstance(value, int) else value


def _section(value: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for one in dataclasses.fields(value):
        inner = getattr(value, one.name)
        if one.metadata.get("narthex.internal"):
            continue
        if one.metadata.get("narthex.inline"):
            result.update(_section(inner))
        elif "narthex.open" in one.metadata:
            result.update(_opened(inner))
        elif not _omitted(one, inner):
            shown = plain(inner)
            if shown != {} or not dataclasses.is_dataclass(inner) or inner is None:
                result[field_key(one)] = shown
    return result


def _opened(value: Any) -> dict[str, Any]:
    """Blocks of plugin kinds under the keys that they came from."""
    if not isinstance(value, tuple):
        return {value.kind: plain(value.config)} if value.config is not None else {}
    result: dict[str, Any] = {}
    for block in value:
        configs = block.config if isinstance(block.config, tuple) else (block.config,)
        result.setdefault(block.key, []).extend(plain(one) for one in configs)
    return result


def _omitted(one: dataclasses.Field[Any], value: Any) -> bool:
    if value is None:
        return True
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    if "narthex.later" in one.metadata and value == default:
        return True  # what cannot be set yet is not worth a line
    if dataclasses.is_dataclass(value) or value:
        return False
    return bool(value == default) or (default is None and not isinstance(value, str | bool | int))


class _Dumper(yaml.CSafeDumper):
    """Safe dumping through libyaml, with multi-line text in blocks."""


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
