"""Go's ``time.Time`` and ``time.Duration``, as far as templates see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import ClassVar, TypeVar

from narthex.gotemplate.calls import CallError
from narthex.gotemplate.values import Exported

__all__ = ["GoDuration", "GoTime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = -62_135_596_800_000_000_000
"""Go's zero time, in nanoseconds since the epoch."""
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _hour12(moment: datetime) -> int:
    return moment.hour % 12 or 12


def _offset(moment: datetime, separator: str) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02d}{separator}{minutes % 60:02d}"


def _iso_offset(moment: datetime, separator: str) -> str:
    return _offset(moment, separator) if moment.utcoffset() else "Z"


_LAYOUT: Mapping[str, Callable[[datetime], str]] = {
    "January": lambda t: _MONTHS[t.month - 1],
    "Jan": lambda t: _MONTHS[t.month - 1][:3],
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS[t.weekday()][:3],
    "MST": lambda t: t.tzname() or "UTC",
    "2006": lambda t: f"{t.year:04d}",
    "-07:00": lambda t: _offset(t, ":"),
    "-0700": lambda t: _offset(t, ""),
    "-07": lambda t: _offset(t, "")[:3],
    "Z07:00": lambda t: _iso_offset(t, ":"),
    "Z0700": lambda t: _iso_offset(t, ""),
    "Z07": lambda t: _iso_offset(t, "")[:3],
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "01": lambda t: f"{t.month:02d}",
    "02": lambda t: f"{t.day:02d}",
    "03": lambda t: f"{_hour12(t):02d}",
    "04": lambda t: f"{t.minute:02d}",
    "05": lambda t: f"{t.second:02d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "15": lambda t: f"{t.hour:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "PM": lambda t: "AM" if t.hour < 12 else "PM",
    "pm": lambda t: "am" if t.hour < 12 else "pm",
    "1": lambda t: str(t.month),
    "2": lambda t: str(t.day),
    "3": lambda t: str(_hour12(t)),
    "4": lambda t: str(t.minute),
    "5": lambda t: str(t.second),
}
"""Go's reference time, Mon Jan 2 15:04:05 MST 2006, piece by piece; a longer piece stands before a shorter one."""

_PIECE = re.compile(r"[.,](?:0+|9+)(?!\d)|" + "|".join(map(re.escape, _LAYOUT)))


@dataclass(frozen=True, slots=True)
class GoDuration(Exported):
    """A span of time in nanoseconds."""

    nanoseconds: int

    go_type: ClassVar[str] = "*time.Duration"
    go_names: ClassVar[Mapping[str, str]] = {
        "String": "go_text",
        "Nanoseconds": "as_nanoseconds",
        "Microseconds": "as_microseconds",
        "Milliseconds": "as_milliseconds",
        "Seconds": "as_seconds",
        "Minutes": "as_minutes",
        "Hours": "as_hours",
        "Abs": "absolute",
        "Truncate": "truncate",
        "Round": "round",
    }

    def go_text(self) -> str:
        """As Go prints it: ``1h30m0s``, ``1.5s``, ``100ms``, ``0s``."""
        left = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if left < 1_000_000_000:
            return sign + _below_second(left)
        minutes, rest = divmod(left, 60_000_000_000)
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest, 9)}s"
        if minutes or hours:
            text = f"{minutes}m{text}"
        return sign + (f"{hours}h{text}" if hours else text)

    def as_nanoseconds(self) -> int:
        """Whole nanoseconds."""
        return self.nanoseconds

    def as_microseconds(self) -> int:
        """Whole microseconds, towards zero."""
        return int(self.nanoseconds / 1_000)

    def as_milliseconds(self) -> int:
        """Whole milliseconds, towards zero."""
        return int(self.nanoseconds / 1_000_000)

    def as_seconds(self) -> float:
        """Seconds with their fraction."""
        return self.nanoseconds / 1e9

    def as_minutes(self) -> float:
        """Minutes with their fraction."""
        return self.nanoseconds / 6e10

    def as_hours(self) -> float:
        """Hours with their fraction."""
        return self.nanoseconds / 3.6e12

    def absolute(self) -> GoDuration:
        """The span without its sign."""
        return GoDuration(abs(self.nanoseconds))

    def truncate(self, unit: GoDuration) -> GoDuration:
        """Cut towards zero to a multiple of ``unit``; a unit that is not positive changes nothing."""
        step = _expect(unit, GoDuration).nanoseconds
        if step <= 0:
            return self
        cut = abs(self.nanoseconds) // step * step
        return GoDuration(-cut if self.nanoseconds < 0 else cut)

    def round(self, unit: GoDuration) -> GoDuration:
        """The nearest multiple of ``unit``, halves away from zero."""
        step = _expect(unit, GoDuration).nanoseconds
        half = GoDuration((abs(self.nanoseconds) + step // 2 + step % 2) * (-1 if self.nanoseconds < 0 else 1))
        return half.truncate(unit) if step > 0 else self


def _below_second(nanoseconds: int) -> str:
    for unit, digits in (("ms", 6), ("µs", 3), ("ns", 0)):
        if nanoseconds >= 10**digits:
            return f"{_decimal(nanoseconds, digits)}{unit}"
    return "0s"


def _decimal(number: int, digits: int) -> str:
    """``number`` / 10**digits without trailing zeros, exactly."""
    whole, fraction = divmod(number, 10**digits)
    tail = f"{fraction:0{digits}d}".rstrip("0") if fraction else ""
    return f"{whole}.{tail}" if tail else str(whole)


@dataclass(frozen=True, slots=True)
class GoTime(Exported):
    """A moment: nanoseconds since the epoch, shown in a time zone."""

    nanoseconds: int
    zone: tzinfo = UTC

    go_type: ClassVar[str] = "*time.Time"
    go_names: ClassVar[Mapping[str, str]] = {
        "String": "go_text",
        "Format": "format",
        "Unix": "unix",
        "UnixMilli": "unix_milli",
        "UnixNano": "unix_nano",
        "UTC": "in_utc",
        "Year": "year",
        "Day": "day",
        "Hour": "hour",
        "Minute": "minute",
        "Second": "second",
        "YearDay": "year_day",
        "Weekday": "weekday",
        "Month": "month",
        "IsZero": "is_zero",
        "Add": "add",
        "Sub": "sub",
        "After": "after",
        "Before": "before",
        "Equal": "equal",
        "AddDate": "add_date",
        "Truncate": "truncate",
        "Round": "round",
        "UnixMicro": "unix_micro",
        "Nanosecond": "nanosecond",
    }

    def _moment(self) -> datetime:
        try:
            return (_EPOCH + timedelta(seconds=self.nanoseconds // 1_000_000_000)).astimezone(self.zone)
        except OverflowError:
            raise CallError("time is beyond the years 1 to 9999") from None

    def go_text(self) -> str:
        """As Go prints it: ``2015-06-23 13:19:44.128 +0000 UTC``."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def format(self, layout: str) -> str:
        """The moment in the layout of Go's reference time."""
        moment = self._moment()
        return _PIECE.sub(lambda match: self._piece(match.group(), moment), layout)

    def _piece(self, piece: str, moment: datetime) -> str:
        if piece[0] not in ".,":
            return _LAYOUT[piece](moment)
        digits = f"{self.nanoseconds % 1_000_000_000:09d}"[: len(piece) - 1]
        if piece[1] == "9":
            digits = digits.rstrip("0")
        return piece[0] + digits if digits else ""

    def unix(self) -> int:
        """Seconds since the epoch."""
        return self.nanoseconds // 1_000_000_000

    def unix_milli(self) -> int:
        """Milliseconds since the epoch."""
        return self.nanoseconds // 1_000_000

    def unix_micro(self) -> int:
        """Microseconds since the epoch."""
        return self.nanoseconds // 1_000

    def nanosecond(self) -> int:
        """Nanoseconds within the second."""
        return self.nanoseconds % 1_000_000_000

    def unix_nano(self) -> int:
        """Nanoseconds since the epoch."""
        return self.nanoseconds

    def in_utc(self) -> GoTime:
        """The same moment in UTC."""
        return GoTime(self.nanoseconds)

    def year(self) -> int:
        """The year."""
        return self._moment().year

    def month(self) -> str:
        """The month's name, which is what Go's Month prints."""
        return self.format("January")

    def day(self) -> int:
        """The day of the month."""
        return self._moment().day

    def hour(self) -> int:
        """The hour, 0 to 23."""
        return self._moment().hour

    def minute(self) -> int:
        """The minute."""
        return self._moment().minute

    def second(self) -> int:
        """The second."""
        return self._moment().second

    def year_day(self) -> int:
        """The day of the year, from 1."""
        return self._moment().timetuple().tm_yday

    def weekday(self) -> str:
        """The weekday's name, which is what Go's Weekday prints."""
        return self.format("Monday")

    def is_zero(self) -> bool:
        """Whether it is Go's zero time, the begin of the year 1."""
        return self.nanoseconds == _ZERO

    def add(self, span: GoDuration) -> GoTime:
        """The moment ``span`` later."""
        return GoTime(self.nanoseconds + _expect(span, GoDuration).nanoseconds, self.zone)

    def sub(self, other: GoTime) -> GoDuration:
        """The time since ``other``."""
        return GoDuration(self.nanoseconds - _expect(other, GoTime).nanoseconds)

    def after(self, other: GoTime) -> bool:
        """Whether the moment is later."""
        return self.nanoseconds > _expect(other, GoTime).nanoseconds

    def before(self, other: GoTime) -> bool:
        """Whether the moment is earlier."""
        return self.nanoseconds < _expect(other, GoTime).nanoseconds

    def equal(self, other: GoTime) -> bool:
        """Whether it is the same moment, in whatever zones."""
        return self.nanoseconds == _expect(other, GoTime).nanoseconds

    def add_date(self, years: int, months: int, days: int) -> GoTime:
        """So many years, months and days later; what a month does not have runs over into the next."""
        moment = self._moment()
        year, month = divmod(12 * (moment.year + years) + moment.month - 1 + months, 12)
        try:
            first = moment.replace(year=year, month=month + 1, day=1)
            moved = first + timedelta(days=moment.day - 1 + days)
        except (OverflowError, ValueError):
            raise CallError("time is beyond the years 1 to 9999") from None
        whole = (moved - _EPOCH) // timedelta(seconds=1)
        return GoTime(whole * 1_000_000_000 + self.nanosecond(), self.zone)

    def truncate(self, unit: GoDuration) -> GoTime:
        """Cut to a multiple of ``unit`` since the year 1; a unit that is not positive changes nothing."""
        step = _expect(unit, GoDuration).nanoseconds
        since = self.nanoseconds - _ZERO
        return GoTime(self.nanoseconds - since % step, self.zone) if step > 0 else self

    def round(self, unit: GoDuration) -> GoTime:
        """The nearest multiple of ``unit`` since the year 1, halves up."""
        step = _expect(unit, GoDuration).nanoseconds
        return GoTime(self.nanoseconds + step // 2, self.zone).truncate(unit) if step > 0 else self


T = TypeVar("T", bound=Exported)


def _expect(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise CallError(f"wrong type for value; expected {kind.go_type}")
    return value
