"""One query: connect, ask, read, close. Everything here blocks, and everything a driver raises becomes one line."""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from narthex.errors import DiscoveryError
from narthex_sql import SqlConfig


@dataclass(frozen=True)
class Answer:
    """The names of the columns, and the rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Query:
    """One run of the configured query. A connection is made for each: an old one may have died unnoticed."""

    def __init__(self, config: SqlConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._connection: Any = None
        self._stopped = False
        self._password = ""

    def run(self) -> Answer:
        """Ask. Raises ``DiscoveryError``, without the password in its text."""
        try:
            return self._ask()
        except DiscoveryError:
            raise
        except Exception as error:  # noqa: BLE001 -- drivers have errors of their own
            text = f"{type(error).__name__}: {error}"
            text = text.replace(self._password, "<secret>") if self._password else text
            raise DiscoveryError(f"{self._config.module}: {text}") from None  # the cause may hold the password, too

    def stop(self) -> None:
        """End the query, from another thread, where the driver can: sqlite3 interrupts, psycopg cancels."""
        with self._lock:
            self._stopped = True
            end = getattr(self._connection, "interrupt", None) or getattr(self._connection, "cancel", None)
            if end is not None:
                with contextlib.suppress(Exception):
                    end()

    def _ask(self) -> Answer:
        with contextlib.closing(self._connect()) as connection:
            try:
                return self._read(connection.cursor())
            finally:
                with self._lock:
                    self._connection = None

    def _connect(self) -> Any:
        driver = _driver(self._config.module)
        positional = [self._config.dsn] if self._config.dsn else []
        options = dict(self._config.options)
        if self._config.module == "sqlite3":
            options.setdefault("check_same_thread", False)  # stop() comes from another one
        if self._config.password or self._config.password_file:
            self._password = options["password"] = self._secret()
        connection = driver.connect(*positional, **options)
        with self._lock:
            self._connection = connection
            if self._stopped:
                connection.close()
                raise DiscoveryError("stopped")
        return connection

    def _secret(self) -> str:
        """The password; a file is read for every connection, so that it may be changed."""
        if self._config.password_file:
            return Path(self._config.password_file).read_text(encoding="utf-8").strip()
        return self._config.password.reveal() if self._config.password else ""

    def _read(self, cursor: Any) -> Answer:
        cursor.execute(self._config.query)
        if cursor.description is None:
            raise DiscoveryError("the query answers no rows; it must be a SELECT")
        columns = [str(column[0]) for column in cursor.description]
        most = int(self._config.max_rows)
        rows = cursor.fetchmany(most + 1) if most else cursor.fetchall()
        if most and len(rows) > most:
            raise DiscoveryError(f"the query answers more than {most} rows (max_rows)")
        return Answer(columns, rows)


def _driver(name: str) -> Any:
    try:
        driver = import_module(name)
    except ImportError as error:
        raise DiscoveryError(f"the driver {name} cannot be imported: {error}") from None
    if not callable(getattr(driver, "connect", None)) or not hasattr(driver, "apilevel"):
        raise DiscoveryError(f"{name} is no driver of Python's DB-API (PEP 249)")
    return driver
