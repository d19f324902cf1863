"""What the command line decides for a server: one declaration for parsing, help, documentation and ``/status/flags``.

Each field carries its flag and help text in its metadata; its type decides how the text is read and its default stands
here only. Names and defaults are Prometheus's.
"""
# ruff: noqa: RUF009 - _option calls dataclasses.field, which is what the rule wants to see

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from narthex.config.types import Duration, Size

__all__ = ["ListenAddress", "ServerOptions", "as_text", "external_url"]


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host means all addresses; port 0 any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Read ``host:port``, ``:port`` or ``[v6]:port``. Raises ``ValueError`` saying what was expected."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is not host:port")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: write an IPv6 address in brackets, [{host}]:{port}")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def external_url(text: str) -> str:
    """Check a URL under which users reach a server; a path alone is one too. Raises ``ValueError``.

    An empty text means that the server derives it from its own name and port.
    """
    parts = urlsplit(text)
    if (
        not text
        or (parts.scheme in {"http", "https"} and parts.hostname)
        or (text.startswith("/") and not parts.netloc)
    ):
        return text.rstrip("/")
    raise ValueError(f"{text!r} is neither a URL such as https://narthex.example.org nor a path")


def _option(
    flag: str, default: Any, summary: str, *, at_least: int | None = None, parse: Callable[[str], Any] | None = None
) -> Any:
    """A field that ``--flag`` sets; ``at_least`` is the smallest number allowed, ``parse`` reads the text."""
    return field(default=default, metadata={"flag": flag, "help": summary, "at_least": at_least, "parse": parse})


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The flags of ``narthex run``, parsed. Durations are milliseconds (:class:`narthex.config.types.Duration`)."""

    config_file: Path = _option("config.file", Path("prometheus.yml"), "Configuration file.")
    web_listen_address: tuple[ListenAddress, ...] = _option(
        "web.listen-address",
        default=(ListenAddress("0.0.0.0", 9090),),  # noqa: S104 - as Prometheus does
        summary="Address to serve API and pages on; repeatable.",
        parse=ListenAddress.parse,
    )
    web_external_url: str = _option(
        "web.external-url",
        default="",
        summary="URL under which users reach this server, for links in alerts; a path in it is served.",
        parse=external_url,
    )
    web_enable_lifecycle: bool = _option(
        "web.enable-lifecycle", default=False, summary="Allow reload and shutdown by HTTP request."
    )
    web_enable_admin_api: bool = _option(
        "web.enable-admin-api", default=False, summary="Allow deleting series and taking snapshots by HTTP request."
    )
    storage_path: Path = _option("storage.tsdb.path", Path("data/"), "Directory of the embedded storage.")
    storage_retention: Duration = _option(
        "storage.tsdb.retention.time",
        Duration(0),
        "How long samples are kept; 0 means any, or 15d where retention has no other bound.",
    )
    storage_retention_size: Size = _option(
        "storage.tsdb.retention.size", Size(0), "Bytes that the storage may take, such as 50GB; 0 means any."
    )
    storage_wal_fsync: Literal["interval", "always"] = _option(
        "storage.tsdb.wal-fsync",
        "interval",
        "When samples are made durable: within a second, or as soon as they come, in groups.",
    )
    query_timeout: Duration = _option("query.timeout", Duration(120_000), "Longest time a query may take.")
    query_max_samples: int = _option(
        "query.max-samples", 50_000_000, "Most samples a query may hold in memory.", at_least=1
    )
    query_max_concurrency: int = _option("query.max-concurrency", 20, "Most queries that run at once.", at_least=1)
    query_lookback_delta: Duration = _option(
        "query.lookback-delta", Duration(300_000), "How far back an instant selector looks for a sample."
    )
    rules_outage_tolerance: Duration = _option(
        "rules.alert.for-outage-tolerance", Duration(3_600_000), "Longest outage over which an alert's for is restored."
    )
    rules_grace_period: Duration = _option(
        "rules.alert.for-grace-period", Duration(600_000), "Least time between a restored alert and its firing."
    )
    rules_resend_delay: Duration = _option(
        "rules.alert.resend-delay", Duration(60_000), "Least time before an alert is sent again."
    )
    notify_queue_capacity: int = _option(
        "alertmanager.notification-queue-capacity", 10_000, "Most alerts that wait for an Alertmanager.", at_least=1
    )
    notify_batch_size: int = _option(
        "alertmanager.notification-batch-size", 256, "Most alerts in one message to an Alertmanager.", at_least=1
    )
    notify_drain: bool = _option(
        "alertmanager.drain-notification-queue-on-shutdown",
        default=True,
        summary="Send waiting alerts before stopping.",
    )
    enable_feature: tuple[str, ...] = _option(
        "enable-feature",
        default=(),
        summary="Features to switch on, separated by commas; repeatable. Names as in Prometheus.",
        parse=str,
    )
    log_level: Literal["debug", "info", "warn", "error"] = _option("log.level", "info", "Least severe lines to log.")
    log_format: Literal["logfmt", "json"] = _option("log.format", "logfmt", "How log lines are written.")

    def flags(self) -> Mapping[str, str]:
        """Flag names (without dashes) and values as text, sorted, as ``/api/v1/status/flags`` answers them."""
        texts = {one.metadata["flag"]: as_text(getattr(self, one.name)) for one in fields(self)}
        return dict(sorted(texts.items()))


def as_text(value: object) -> str:
    """A flag's value as it would be written on the command line; several values separated by commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
