"""The engine's face: parse once, execute often.

::

    template = Template("{{ .Labels.job | toUpper }}", "subject", functions)
    template.execute({"Labels": StringMap(job="node")})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from narthex.errors import TemplateError
from narthex.gotemplate.builtins import BUILTINS
from narthex.gotemplate.calls import CallError, Functions
from narthex.gotemplate.escape import escape_html_context
from narthex.gotemplate.evaluate import MissingKey
from narthex.gotemplate.execute import Limits, Run
from narthex.gotemplate.format import default_text
from narthex.gotemplate.nodes import Definition
from narthex.gotemplate.parser import parse
from narthex.gotemplate.values import Html

__all__ = ["Template"]

_LIMITS = Limits()


class Template:
    """A parsed template with everything it defines; safe to execute from several threads at once.

    ``functions`` are known besides Go's own. ``library`` holds definitions of other files, as :attr:`definitions`
    gives them; this text's own win. With ``html``, what actions print is escaped for a place between HTML tags.

    Raises ``TemplateError`` when the text does not parse: ``template: NAME:LINE: what is wrong``.
    """

    def __init__(
        self,
        text: str,
        name: str = "",
        functions: Functions | None = None,
        *,
        library: Mapping[str, Definition] | None = None,
        missing_key: MissingKey = "default",
        html: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        self.name = name
        self._functions = {**BUILTINS, **(functions or {})}
        self._missing_key = missing_key
        self._show = _show_html if html else _show
        self._limits = limits
        try:
            own = parse(text, name, self._functions)
        except RecursionError:
            raise TemplateError(f"template: {name}: nested too deeply") from None
        self.definitions: Mapping[str, Definition] = {**(library or {}), **own}
        """Every template that can be called by name, this one included."""

    def execute(self, data: Any, functions: Functions | None = None) -> str:
        """The text for ``data``; ``functions`` replace, for this time, those of the same name given before.

        Raises ``TemplateError``: ``template: NAME:LINE:COLUMN: executing "NAME" at <…>: what is wrong``.
        """
        known = {**self._functions, **functions} if functions else self._functions
        run = Run(self.definitions, known, self._missing_key, self._show, self._limits)
        try:
            return run.render(self.name, data)
        except CallError as error:
            raise TemplateError(f"template: {self.name}: {error}") from None
        except RecursionError:
            raise TemplateError(f"template: {self.name}: nested too deeply") from None


def _show(value: Any) -> str:
    return "<no value>" if value is None else default_text(value)


def _show_html(value: Any) -> str:
    if isinstance(value, Html):
        return str(value)
    return "" if value is None else escape_html_context(default_text(value))
