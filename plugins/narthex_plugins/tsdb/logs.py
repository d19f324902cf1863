"""The log of a storage: what the core passes in, with the facts of each message added, and trouble that comes and goes.

A plain ``LoggerAdapter`` of Python 3.11 and 3.12 replaces a message's ``extra`` by its own.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

__all__ = ["StorageLog", "Trouble"]


class StorageLog(logging.LoggerAdapter[logging.Logger]):
    """Merges the facts of the message over those of the adapter."""

    def __init__(self, log: logging.LoggerAdapter[logging.Logger]) -> None:
        super().__init__(log.logger, dict(log.extra or {}))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the adapter's facts to the message's."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


class Trouble:
    """Something that fails for a while: said when it begins and when it is over, counted in between by the caller."""

    def __init__(self, log: logging.LoggerAdapter[logging.Logger], failing: str, working: str) -> None:
        self._log = log
        self._texts = failing, working
        self._failures = 0

    def failed(self, error: Exception, **facts: Any) -> None:
        """It did not work."""
        self._failures += 1
        if self._failures == 1:
            self._log.error(self._texts[0], extra={"err": str(error), **facts})

    def worked(self) -> None:
        """It worked."""
        if self._failures:
            self._log.info(self._texts[1], extra={"failures": self._failures})
            self._failures = 0
