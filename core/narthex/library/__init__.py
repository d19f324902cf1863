"""Narthex as a library: stored samples in a program or a notebook, without a server (``narthex.open``)."""

from __future__ import annotations

from narthex.library.answer import Answer
from narthex.library.database import Database, open_database

__all__ = ["Answer", "Database", "open_database"]
