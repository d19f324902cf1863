"""Targets from a table of a SQL database: what a query answers, through any driver of Python's DB-API (PEP 249)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from narthex import hookimpl
from narthex.config.types import Count, Duration, FilePath, Secret
from narthex.kinds import BuildContext, Discoverer, DiscoveryKind


@dataclass(frozen=True)
class SqlConfig:
    """One block of ``sql_sd_configs``: ``module.connect(dsn, password=…, **options)``, then ``query``."""

    query: str
    module: str = "sqlite3"
    dsn: str = ""
    password: Secret | None = None
    password_file: FilePath | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    max_rows: Count = Count(100_000)
    refresh_interval: Duration = Duration(60_000)

    def check(self) -> Iterator[tuple[str, str]]:
        """What the types cannot say."""
        if self.password and self.password_file:
            yield "password_file", "at most one of password and password_file may be set"
        if "password" in self.options:
            yield "options", "write the password as password or password_file, so that it is masked"
        if self.refresh_interval == 0:
            yield "refresh_interval", "must not be 0"


def build(config: SqlConfig, context: BuildContext) -> Discoverer:
    """A discoverer; the driver is imported when it first asks, in its thread."""
    from narthex_sql.discovery import SqlDiscoverer

    return SqlDiscoverer(config, context)


@hookimpl
def narthex_discovery_kinds() -> list[DiscoveryKind]:
    """Makes ``sql_sd_configs`` known."""
    return [DiscoveryKind("sql", SqlConfig, build, summary="Rows of a SQL database, through any DB-API driver")]
