"""Read conformance suites: one pytest parameter for each case of whatever directory ``NARTHEX_CONFORMANCE`` names.

The data is no part of the project. A suite that is absent becomes one skipped item that says so.
"""

from __future__ import annotations

import base64
import json
import os
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from narthex.model.histogram import Buckets, Hint, Histogram

__all__ = ["ROOT", "decoded", "histogram_of", "params", "suite_files"]

ROOT = Path(os.environ.get("NARTHEX_CONFORMANCE", Path(__file__).resolve().parents[3] / "shared" / "conformance"))


def suite_files(pattern: str) -> list[Path]:
    """The suite files that match a glob below the conformance directory, sorted."""
    return sorted(ROOT.glob(pattern))


def params(pattern: str, **only: Any) -> list[Any]:
    """Parameters ``(case,)`` for every case of every matching JSON file, whose fields equal ``only``."""
    files = suite_files(pattern)
    if not files:
        reason = f"conformance suite {pattern} is not in {ROOT}"
        return [pytest.param(None, id=f"absent-{pattern}", marks=pytest.mark.skip(reason=reason))]
    found = [
        pytest.param(case, id=f"{path.stem}:{case['id']}")
        for path in files
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
        if all(case.get(name) == value for name, value in only.items())
    ]
    return found or [pytest.param(None, id="no-such-case", marks=pytest.mark.skip(reason=f"no case in {pattern}"))]


def decoded(value: Any) -> Any:
    """The suites' spelling of what JSON cannot say: NaN, infinities, bytes that are not UTF-8."""
    special = {"NaN": float("nan"), "+Inf": float("inf"), "-Inf": float("-inf"), "-0": -0.0}
    if isinstance(value, str):
        return special.get(value, value)
    if isinstance(value, dict):
        if set(value) == {"$bytes_b64"}:
            return base64.b64decode(value["$bytes_b64"])
        return {key: decoded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [decoded(one) for one in value]
    return value


def histogram_of(found: dict[str, Any]) -> Histogram:
    """A native histogram as the suites write it: spans of buckets, with their counts or the deltas of these."""
    found = decoded(found)
    return Histogram(
        found.get("schema", 0),
        found.get("zero_threshold", 0.0),
        float(found.get("zero_count", 0)),
        float(found.get("count", 0)),
        found.get("sum", 0.0),
        _buckets(found, "positive"),
        _buckets(found, "negative"),
        tuple(found.get("custom_values") or ()),
        Hint[found.get("counter_reset_hint", "unknown").upper()],
    )


def _buckets(found: dict[str, Any], sign: str) -> Buckets:
    indices: list[int] = []
    at = 0
    for offset, length in found.get(f"{sign}_spans", ()):
        indices += range(at + offset, at + offset + length)
        at += offset + length
    counts = found.get(f"{sign}_buckets") or list(accumulate(found.get(f"{sign}_deltas", ())))
    return Buckets.of(zip(indices, map(float, counts), strict=True))
