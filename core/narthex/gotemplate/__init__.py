"""Go's text/template language, for alert annotations, console pages and notifications.

The engine (:class:`Template`) knows Go's own functions only; :mod:`narthex.gotemplate.functions` adds Prometheus's.
"""

from narthex.gotemplate.calls import CallError, Function, Functions
from narthex.gotemplate.template import Template
from narthex.gotemplate.values import Exported, Html, StringMap, Uint

__all__ = ["CallError", "Exported", "Function", "Functions", "Html", "StringMap", "Template", "Uint"]
