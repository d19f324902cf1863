"""Histograms for property tests: whole counts, so that sums are exact."""

from __future__ import annotations

from hypothesis import strategies as st

from narthex.model.histogram import CUSTOM_SCHEMA, Buckets, Hint, Histogram, widen_zero

__all__ = ["any_histogram", "customs", "exponentials"]

_SCHEMAS, _NO_HINT = tuple(range(-4, 9)), (Hint.UNKNOWN,)
_COUNT = st.integers(0, 1000).map(float)


def _side(first: int, last: int) -> st.SearchStrategy[Buckets]:
    return st.dictionaries(st.integers(first, last), _COUNT, max_size=8).map(
        lambda one: Buckets.of(sorted(one.items()))
    )


@st.composite
def exponentials(draw: st.DrawFn, schemas: tuple[int, ...] = _SCHEMAS, hints: tuple[Hint, ...] = _NO_HINT) -> Histogram:
    positive, negative = draw(_side(-20, 40)), draw(_side(-20, 40))
    zero = draw(_COUNT)
    uncut = Histogram(
        draw(st.sampled_from(schemas)),
        zero_count=zero,
        count=float(zero + positive.counts.sum() + negative.counts.sum()),
        sum=float(draw(st.integers(-1000, 1000))),
        positive=positive,
        negative=negative,
        hint=draw(st.sampled_from(hints)),
    )
    return widen_zero(uncut, draw(st.sampled_from((0.0, 0.001, 0.5, 3.0))))  # its zero bucket overlaps no other


@st.composite
def customs(draw: st.DrawFn) -> Histogram:
    bounds = tuple(map(float, sorted(draw(st.sets(st.integers(-5, 20), max_size=6)))))
    positive = draw(_side(0, len(bounds)))
    return Histogram(
        CUSTOM_SCHEMA,
        count=float(positive.counts.sum()),
        sum=float(draw(st.integers(-1000, 1000))),
        positive=positive,
        bounds=bounds,
    )


any_histogram = st.one_of(exponentials(), customs())
