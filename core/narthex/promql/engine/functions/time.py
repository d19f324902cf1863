"""Time: of the evaluation, of samples, and the calendar (UTC)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from narthex.promql.engine.functions.registry import Function, Invocation
from narthex.promql.engine.vector import Floats, Ints, Vector

__all__ = ["FUNCTIONS"]

_DAY = 86400
_FARTHEST = 2.0**62  # seconds either way of 1970; more would not fit the arithmetic


def _days_in_month(seconds: Ints) -> Ints:
    month = seconds.astype("datetime64[s]").astype("datetime64[M]")
    return np.asarray(((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64))


def _day_of_month(seconds: Ints) -> Ints:
    day = seconds.astype("datetime64[s]").astype("datetime64[D]")
    return np.asarray((day - day.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1)


def _day_of_year(seconds: Ints) -> Ints:
    day = seconds.astype("datetime64[s]").astype("datetime64[D]")
    return np.asarray((day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + 1)


def _month(seconds: Ints) -> Ints:
    return seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def _year(seconds: Ints) -> Ints:
    return seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970


_CALENDAR: dict[str, Callable[[Ints], Ints]] = {
    "day_of_month": _day_of_month,
    "day_of_week": lambda seconds: (seconds // _DAY + 4) % 7,  # 1970-01-01 was a Thursday
    "day_of_year": _day_of_year,
    "days_in_month": _days_in_month,
    "hour": lambda seconds: seconds % _DAY // 3600,
    "minute": lambda seconds: seconds % 3600 // 60,
    "month": _month,
    "year": _year,
}


def _calendar(name: str, compute: Callable[[Ints], Ints]) -> Function:
    """Of each value as Unix seconds, cut towards zero, or of the evaluation time.

    NaN for what is no second at all, where Prometheus's answer depends on the processor.
    """

    def values_of(values: Floats) -> Floats:
        usable = np.abs(values) <= _FARTHEST
        seconds = np.where(usable, values, 0.0).astype(np.int64)
        return np.where(usable, compute(seconds).astype(np.float64), np.nan)

    def apply(invocation: Invocation) -> Vector:
        if not invocation.count:
            return Vector.single(values_of(invocation.steps.times / 1000))
        vector = invocation.numbers(0)
        return vector.with_values(values_of(vector.values)).without_name(delayed=invocation.delayed)

    return Function(name, apply)


def _timestamp(invocation: Invocation) -> Vector:
    """Of the samples that a selector found; else the evaluation time."""
    vector = invocation.evaluation.timestamps(invocation.argument(0), invocation.steps)
    if vector is None:
        vector = invocation.vector(0)
        times = invocation.steps.times / 1000
        vector = vector.with_values(np.broadcast_to(times[:, None], vector.values.shape))
    return vector.without_name(delayed=invocation.delayed)


def _start_timestamp(invocation: Invocation) -> Vector:
    """Of the samples that a selector found, 0 where it is not known. Anything computed has none."""
    vector = invocation.evaluation.start_timestamps(invocation.argument(0), invocation.steps)
    if vector is None:
        return Vector.empty(invocation.steps.count)
    return vector.without_name(delayed=invocation.delayed)


def _constant(name: str, value: Callable[[Invocation], float]) -> Function:
    return Function(name, lambda invocation: np.full(invocation.steps.count, value(invocation)))


FUNCTIONS = (
    *(_calendar(name, compute) for name, compute in _CALENDAR.items()),
    Function("time", lambda invocation: invocation.steps.times / 1000),
    Function("timestamp", _timestamp),
    Function("start_timestamp", _start_timestamp),
    _constant("start", lambda invocation: invocation.steps.start / 1000),
    _constant("end", lambda invocation: invocation.steps.end / 1000),
    _constant("range", lambda invocation: (invocation.steps.end - invocation.steps.start) / 1000),
    _constant("step", lambda invocation: invocation.steps.step / 1000),
)
