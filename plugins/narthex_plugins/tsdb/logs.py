"""The log of a storage: what the core passes in, with the facts of each message added.

A plain ``LoggerAdapter`` of Python 3.11 and 3.12 replaces a message's ``extra`` by its own.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

__all__ = ["StorageLog"]


class StorageLog(logging.LoggerAdapter[logging.Logger]):
    """Merges the facts of the message over those of the adapter."""

    def __init__(self, log: logging.LoggerAdapter[logging.Logger]) -> None:
        super().__init__(log.logger, dict(log.extra or {}))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the adapter's facts to the message's."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}
