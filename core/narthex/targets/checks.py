"""Whether a target can be scraped as its labels say: address, timing, switches, UTF-8; in Prometheus's words."""

from __future__ import annotations

from collections.abc import Mapping

from narthex.config.durations import duration_fault
from narthex.config.types import Duration
from narthex.model.switch import FALSE, TRUE

__all__ = ["SWITCHES", "TIMING", "check_address", "check_utf8", "timing"]

SWITCHES = {
    "__convert_classic_histograms_to_nhcb__": "convert classic histograms to nhcb",
    "__always_scrape_classic_histograms__": "always scrape classic histograms",
    "__scrape_native_histograms__": "scrape native histograms",
}
TIMING = ("__scrape_interval__", "__scrape_timeout__", *SWITCHES)
"""The labels that :func:`timing` reads, in its order."""


def check_address(labels: Mapping[str, str]) -> None:
    """There is an address, or a Unix socket, and it can be one. Raises ``ValueError``."""
    address = labels.get("__address__", "")
    if not address and not labels.get("__unix_socket__"):
        raise ValueError("no address")
    if "/" in address:
        raise ValueError(f"{_go_quote(address)} is not a valid hostname")


def timing(values: tuple[str, ...]) -> tuple[int, int]:
    """Interval and timeout in milliseconds from the values of ``TIMING``, absent ones empty. Raises ``ValueError``."""
    interval = _duration(values[0], "interval")
    timeout = _duration(values[1], "timeout")
    if timeout > interval:
        raise ValueError(f'scrape timeout cannot be greater than scrape interval ("{values[1]}" > "{values[0]}")')
    for value, what in zip(values[2:], SWITCHES.values(), strict=True):
        if value and value not in TRUE | FALSE:
            raise ValueError(f"error parsing {what}: strconv.ParseBool: parsing {_go_quote(value)}: invalid syntax")
    return interval, timeout


def _duration(text: str, what: str) -> int:
    try:
        parsed = int(Duration.parse(text))
    except ValueError:
        raise ValueError(f"error parsing scrape {what}: {duration_fault(text, _go_quote)}") from None
    if parsed == 0:
        raise ValueError(f"scrape {what} cannot be 0")
    return parsed


def check_utf8(labels: Mapping[str, str]) -> None:
    """Every value is valid UTF-8. Raises ``ValueError``."""
    for name, value in labels.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"invalid label value for {_go_quote(name)}: {_go_quote(value)}") from None


def _go_quote(text: str) -> str:
    r"""``text`` as Go prints it with ``%q``; bytes that are not UTF-8 (held as surrogate escapes) become ``\xNN``."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in escaped) + '"'
