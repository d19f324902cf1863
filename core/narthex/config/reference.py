"""The reference of the configuration file as Markdown, from the dataclasses that are the schema.

``docs/reference/configuration.md`` is written by ``python -m narthex.config.reference``; a test keeps it current.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from narthex.config.decode import field_key
from narthex.config.dump import plain
from narthex.config.http import ProxyUrl
from narthex.config.rulefile import RuleFile
from narthex.config.safety import Share
from narthex.config.sections import Config
from narthex.config.types import Count, Duration, FilePath, LabelName, RegexText, Secret, Size, Url

__all__ = ["Refused", "anchor_of", "describe", "reachable", "reference", "refused"]

_TITLES = {Config: "prometheus.yml", RuleFile: "Rule files"}
_NAMES: Mapping[Any, str] = {
    str: "text", bool: "flag", int: "integer", float: "number", Any: "anything", Count: "count", Duration: "duration",
    FilePath: "file name", LabelName: "label name", RegexText: "regex", Secret: "secret", Share: "share", Size: "size",
    Url: "URL", ProxyUrl: "URL",
}  # fmt: skip
_OPEN = {
    "discovery": ("`<kind>_sd_configs`, `static_configs`", "list of [the kind's blocks](discovery/)"),
    "receivers": ("`<kind>_configs`", "list of the kind's blocks"),
    "storage": ("`<kind>`", "the kind's section"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A key that is known but not implemented: only ``default``, or nothing, is accepted under it."""

    path: str
    key: str
    feature: str
    default: Any


def refused(cls: Any = Config, path: str = "") -> tuple[Refused, ...]:
    """Every key of the schema below ``cls`` that this version refuses, in the order of the file."""
    return tuple(_refused(cls, path))


def _refused(cls: Any, path: str) -> Iterator[Refused]:
    for one, annotation in _fields(cls):
        inlined = bool(one.metadata.get("narthex.inline"))
        here = path if inlined else f"{path}.{field_key(one)}".removeprefix(".")
        section, is_list = _section_in(annotation)
        if "narthex.later" in one.metadata:
            yield Refused(here, field_key(one), one.metadata["narthex.later"], one.default)
        elif section is not None:
            yield from _refused(section, f"{here}[]" if is_list else here)


def _fields(cls: Any) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    hints = get_type_hints(cls)
    for one in dataclasses.fields(cls):
        if not one.metadata.get("narthex.internal"):
            yield one, hints[one.name]


def _section_in(annotation: Any) -> tuple[Any, bool]:
    """The dataclass that a type is, or holds, and whether it holds many."""
    if dataclasses.is_dataclass(annotation):
        return annotation, False
    for inner in get_args(annotation):
        found, _ = _section_in(inner)
        if found is not None:
            return found, get_origin(annotation) not in {Union, types.UnionType}
    return None, False


# --- the page --------------------------------------------------------------------------------------------------------


def reference() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, *(describe(cls) for cls in reachable(Config, RuleFile)), _refusals()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def reachable(*roots: Any) -> list[Any]:
    """The dataclasses of a schema: each root, followed by the sections below it, once each."""
    sections: dict[Any, None] = {}
    for root in roots:
        _collect(root, sections)
    return list(sections)


def _collect(cls: Any, sections: dict[Any, None]) -> None:
    if cls in sections:
        return
    sections[cls] = None
    for one, annotation in _fields(cls):
        section, _ = _section_in(annotation)
        if section is not None and "narthex.open" not in one.metadata:
            _collect(section, sections)


def _title(cls: Any) -> str:
    if cls in _TITLES:
        return _TITLES[cls]
    words = re.sub(r"(Config|Section)$", "", cls.__name__)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words).lower()


def describe(cls: Any) -> str:
    """A heading, the docstring, and a table with a row for each key."""
    level = "##" if cls in _TITLES else "###"
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda match: f"`{match[1].rsplit('.', 1)[-1]}`", inspect.getdoc(cls) or "")
    lines = [f"{level} {_title(cls)}", "", text.replace("``", "`")]
    rows = [_row(one, annotation) for one, annotation in _fields(cls)]
    if rows:
        lines += ["", "| key | value | default |", "|---|---|---|", *rows]
    return "\n".join(lines)


def _row(one: dataclasses.Field[Any], annotation: Any) -> str:
    if "narthex.open" in one.metadata:
        keys, value = _OPEN[one.metadata["narthex.open"]]
        return f"| {keys} | {value} | |"
    if one.metadata.get("narthex.inline"):
        return f"| *the keys of [{_title(annotation)}](#{anchor_of(annotation)})* | | |"
    note = f" *(not implemented yet: {one.metadata['narthex.later']})*" if "narthex.later" in one.metadata else ""
    return f"| `{field_key(one)}` | {_type(annotation)}{note} | {_default(one)} |"


def anchor_of(cls: Any) -> str:
    """What links to the section's heading name."""
    return _title(cls).replace(" ", "-").replace(".", "")


def _type(annotation: Any) -> str:
    if annotation in _NAMES:
        return _NAMES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin in {Union, types.UnionType}:
        return _type(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if dataclasses.is_dataclass(annotation):
        return f"[{_title(annotation)}](#{anchor_of(annotation)})"
    if arguments:
        return f"mapping from {_type(arguments[0])} to {_type(arguments[1])}"
    return "text"


def _default(one: dataclasses.Field[Any]) -> str:
    if one.default is MISSING and one.default_factory is MISSING:
        return "*required*"
    value = plain(one.default if one.default is not MISSING else None)
    if value is None or value == "" or isinstance(value, list | dict):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _refusals() -> str:
    rows = [f"| `{one.path}` | {one.feature} |" for one in refused()]
    head = ["## What is refused", "", _REFUSALS.strip(), "", "| key | what is missing |", "|---|---|"]
    return "\n".join([*head, *rows])


_INTRODUCTION = """
# Configuration

Narthex reads `prometheus.yml` and rule files as Prometheus 3 does. This page is generated from the schema
(`python -m narthex.config.reference` prints it); a test fails when it is out of date.

Reading is strict: unknown and repeated keys, null list elements, wrong types and bad values are errors. Each error
names file, line, column and key path and says what was expected, and all errors of all files are reported together. An
empty file is valid.

What a value means is decided by its key, not by its looks: a label value `on`, `012` or `1e3` is the text as written.

| value | meaning |
|---|---|
| duration | `0`, or integers with the units `y w d h m s ms` in this order, each at most once: `1h30m` |
| size | a number with a unit of `B KB MB GB TB PB EB` (or `KiB` …), in powers of 1024; 0 means no limit |
| share | `50%` or `0.5`: a number from 0 to 1 |
| count | a whole number that is not negative; as a limit, 0 means none |
| file name | relative names start at the directory of the file that holds them |
| regex | an RE2 expression, anchored at both ends |
| secret | shown as `<secret>` wherever the configuration is printed; in a URL the password is shown as `xxxxx` |

Environment variables are expanded in `global.external_labels` only: `$NAME`, `${NAME}`, and `$$` for a dollar sign. An
unset variable is empty text, with a warning. In `rule_files` and `scrape_config_files` a `*` may stand in the last part
of the path; names with a leading dot match.

A key without a value has its default. Anchors, aliases and merge keys (`<<`) work.
"""

_REFUSALS = """
These keys are Prometheus's, but nothing stands behind them yet. Anything except the default is an error that says
"not implemented yet", so that no setting is silently without effect. Two settings are accepted without effect, because
they only tune Prometheus's own implementation: `runtime.gogc`, and `enable_http2` (the client speaks HTTP/1.1). A
protocol in `scrape_protocols` that no plugin reads is a warning as long as another one is listed.
"""

if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
