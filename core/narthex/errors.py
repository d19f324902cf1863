"""The one tree of errors that Narthex raises on purpose.

::

    NarthexError                  prints as one line; anything else keeps its traceback
      ConfigError                 a file is wrong: carries every problem with file, line and key path
      PluginError                 a plugin is wrong: names plugin, distribution and version
        PluginConflictError       two distributions contribute the same name
        MissingExtraError         a kind needs a package that is not installed
      DiscoveryError              a discoverer could not produce its groups; the old ones stay
      ScrapeError                 a scrape failed; names what was wrong with the answer
        ExpositionError           the body does not parse; carries the line number
      StorageError                samples could not be stored or read
      QueryError                  a query failed while running
        ParseError                an expression does not parse; carries positions in bytes
        QueryTimeoutError         the deadline passed
        QueryLimitError           more samples or memory than allowed
        QueryCancelledError       the client went away
      RuleError                   a rule's result cannot be used
      TemplateError               a Go template does not parse or execute
      NotifyError                 an alert could not be handed over
      UsageError                  wrong command line
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ConfigError",
    "DiscoveryError",
    "ExpositionError",
    "MissingExtraError",
    "NarthexError",
    "NotifyError",
    "ParseError",
    "PluginConflictError",
    "PluginError",
    "Problem",
    "QueryCancelledError",
    "QueryError",
    "QueryLimitError",
    "QueryTimeoutError",
    "RuleError",
    "ScrapeError",
    "StorageError",
    "TemplateError",
    "UsageError",
]


class NarthexError(Exception):
    """Root of everything Narthex raises on purpose; its text is one line meant for a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file.

    ``line`` and ``column`` count from 1; 0 means that the place is not known. ``path`` is the key path, such as
    ``scrape_configs[2].relabel_configs[0].regex``.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigError(NarthexError):
    """A configuration cannot be used; ``problems`` holds every reason, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class PluginError(NarthexError):
    """A plugin broke its contract; the text names plugin, distribution and version."""


class PluginConflictError(PluginError):
    """Two distributions contribute the same name; the text names both."""


class MissingExtraError(PluginError):
    """A kind is configured whose package is not installed; the text holds the install command."""


class DiscoveryError(NarthexError):
    """A discoverer could not produce its target groups. The groups published before stay in force.

    ``retry_within``: seconds after which it is to be tried again at the latest; None leaves that to the supervisor.
    """

    def __init__(self, message: str, retry_within: float | None = None) -> None:
        self.retry_within = retry_within
        super().__init__(message)


class ScrapeError(NarthexError):
    """A scrape failed; the text becomes the target's ``lastError``."""


class ExpositionError(ScrapeError):
    """A scraped body does not parse. ``line`` counts from 1, 0 where it is not known; ``message`` is without it."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.message = message
        self.line = line
        super().__init__(f"line {line}: {message}" if line else message)


class StorageError(NarthexError):
    """Samples could not be stored or read."""


class QueryError(NarthexError):
    """A query failed while running (API error type ``execution``)."""


class ParseError(QueryError):
    """A PromQL expression does not parse (API error type ``bad_data``).

    ``errors`` holds every finding as ``(start, end, message)``; positions are bytes of the UTF-8 text, end exclusive.
    The text is ``line:column: parse error: message`` of the first, as Prometheus prints it.
    """

    def __init__(self, text: str, errors: tuple[tuple[int, int, str], ...]) -> None:
        self.errors = errors
        super().__init__(text)


class QueryTimeoutError(QueryError):
    """The query did not end before its deadline (API error type ``timeout``)."""


class QueryLimitError(QueryError):
    """The query would load more samples than ``--query.max-samples`` allows."""


class QueryCancelledError(QueryError):
    """The client went away, or the server stops (API error type ``canceled``)."""


class RuleError(NarthexError):
    """What a rule's expression answers cannot be recorded or alerted on; the text becomes the rule's ``lastError``."""


class TemplateError(NarthexError):
    """A Go template does not parse or cannot be executed."""


class NotifyError(NarthexError):
    """Alerts could not be handed to a receiver or an Alertmanager."""


class UsageError(NarthexError):
    """The command line is wrong (exit status 2)."""
