"""Reading rule files as a server, a check and a test read them: expressions and templates too, all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import MappingProxyType

from narthex.config.rulefile import RuleFile
from narthex.config.rules import load_rule_file, parse_rule_file
from narthex.errors import ConfigError, ParseError, Problem
from narthex.gotemplate.calls import Functions
from narthex.promql.parser import ParserOptions, parse
from narthex.rules.expansion import check_template

__all__ = ["check_expression", "read_rule_files", "read_rule_text"]

_DEFAULT = ParserOptions()
_NONE: Functions = MappingProxyType({})

_Check = Callable[[str], "str | None"]


def check_expression(text: str, options: ParserOptions = _DEFAULT) -> str | None:
    """What is wrong with a PromQL expression, or None; ``options`` are the parts of the language that are on."""
    try:
        parse(text, options=options)
    except ParseError as error:
        return str(error)
    return None


def read_rule_text(
    text: str | bytes, name: str, options: ParserOptions = _DEFAULT, functions: Functions = _NONE
) -> RuleFile:
    """Rules from a text; ``name`` stands in messages. Raises ``ConfigError`` with every problem."""
    check, template = _checks(options, functions)
    return parse_rule_file(text, name, check_expr=check, check_template=template)


def read_rule_files(
    paths: Iterable[Path], options: ParserOptions = _DEFAULT, functions: Functions = _NONE
) -> dict[str, RuleFile]:
    """Rule files by path; ``functions`` are what plugins bring for templates.

    Raises ``ConfigError`` with the problems of all of them.
    """
    files: dict[str, RuleFile] = {}
    problems: list[Problem] = []
    check, template = _checks(options, functions)
    for path in paths:
        try:
            files[str(path)] = load_rule_file(path, check_expr=check, check_template=template)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(tuple(problems))
    return files


def _checks(options: ParserOptions, functions: Functions) -> tuple[_Check, _Check]:
    return partial(check_expression, options=options), partial(check_template, functions=functions)
