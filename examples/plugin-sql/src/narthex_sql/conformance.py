"""The plugin with what its contract needs around it: an inventory in SQLite."""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import narthex_sql
from narthex.testing.rigs import DiscoveryRig


class SqlRig(DiscoveryRig):
    """The plugin, and a database that it reads."""

    plugin: ClassVar[object] = narthex_sql
    kind = "sql"
    file: Path

    async def start(self) -> None:
        self.file = self.directory() / "inventory.db"
        self.write("CREATE TABLE hosts (host, port, site)")
        self.write("INSERT INTO hosts VALUES ('127.0.0.1', 9100, 'fra'), ('127.0.0.2', 9100, 'ber')")

    def config(self) -> Any:
        return {
            "dsn": f"file:{self.file}?mode=ro",
            "options": {"uri": True},
            "query": "SELECT host || ':' || port AS address, site FROM hosts",
            "refresh_interval": "50ms",
        }

    def write(self, statement: str, rows: Iterable[tuple[object, ...]] = ((),)) -> None:
        """Change the database, once for each row of parameters."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("BEGIN")
            for row in rows:
                connection.execute(statement, row)

    async def update(self) -> None:
        self.write("UPDATE hosts SET site = 'muc' WHERE host = '127.0.0.1'")

    async def retract(self) -> None:
        self.write("DELETE FROM hosts WHERE host = '127.0.0.2'")

    async def fail(self) -> None:
        self.write("ALTER TABLE hosts RENAME TO machines")

    async def recover(self) -> None:
        self.write("ALTER TABLE machines RENAME TO hosts")

    async def malformed(self) -> AsyncIterator[str]:
        self.write("INSERT INTO hosts VALUES (NULL, 9100, 'fra')")
        yield "a row without an address"
        self.write("DELETE FROM hosts WHERE host IS NULL")
        self.write("ALTER TABLE hosts RENAME COLUMN site TO place")
        yield "a table without a column"

    async def enlarge(self, count: int) -> None:
        self.write("DELETE FROM hosts")
        hosts = ((f"10.{number >> 8}.{number & 255}.1",) for number in range(count))
        self.write("INSERT INTO hosts VALUES (?, 9100, 'fra')", hosts)
