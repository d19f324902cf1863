"""What configuration cannot check by itself, because expressions and templates belong to layers above it."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from narthex.config.rulefile import RuleFile
from narthex.config.rules import load_rule_file, parse_rule_file
from narthex.errors import ParseError, TemplateError
from narthex.gotemplate import Template
from narthex.gotemplate.functions import for_parsing
from narthex.promql.parser import parse

__all__ = ["check_expr", "check_template", "read_rules"]

_VARIABLES = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)  # what the rules define before each template


def check_expr(text: str) -> str | None:
    """What is wrong with a PromQL expression, or None."""
    try:
        parse(text)
    except ParseError as error:
        return str(error)
    return None


def check_template(text: str) -> str | None:
    """What is wrong with the template of a label or an annotation, or None."""
    try:
        Template(_VARIABLES + text, "rule", for_parsing())
    except TemplateError as error:
        return str(error)
    return None


def read_rules(file: str | Path, standard_input: TextIO) -> RuleFile:
    """Read and check a rule file; ``-`` is standard input. Raises ``ConfigError`` with every problem."""
    if str(file) == "-":
        text = standard_input.read()
        return parse_rule_file(text, "standard input", check_expr=check_expr, check_template=check_template)
    return load_rule_file(file, check_expr=check_expr, check_template=check_template)
