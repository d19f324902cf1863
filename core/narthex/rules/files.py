"""Reading rule files as a server, a check and a test read them: expressions and templates too, all problems at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from narthex.config.rulefile import RuleFile
from narthex.config.rules import load_rule_file, parse_rule_file
from narthex.errors import ConfigError, ParseError, Problem
from narthex.promql.parser import ParserOptions, parse
from narthex.rules.expansion import check_template

__all__ = ["check_expression", "read_rule_files", "read_rule_text"]

_DEFAULT = ParserOptions()


def check_expression(text: str, options: ParserOptions = _DEFAULT) -> str | None:
    """What is wrong with a PromQL expression, or None; ``options`` are the parts of the language that are on."""
    try:
        parse(text, options=options)
    except ParseError as error:
        return str(error)
    return None


def read_rule_text(text: str | bytes, name: str) -> RuleFile:
    """Rules from a text; ``name`` stands in messages. Raises ``ConfigError`` with every problem."""
    return parse_rule_file(text, name, check_expr=check_expression, check_template=check_template)


def read_rule_files(paths: Iterable[Path], options: ParserOptions = _DEFAULT) -> dict[str, RuleFile]:
    """Rule files by path. Raises ``ConfigError`` with the problems of all of them."""
    files: dict[str, RuleFile] = {}
    problems: list[Problem] = []
    check = partial(check_expression, options=options)
    for path in paths:
        try:
            files[str(path)] = load_rule_file(path, check_expr=check, check_template=check_template)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(tuple(problems))
    return files
