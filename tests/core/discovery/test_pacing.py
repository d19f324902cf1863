from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from narthex.discovery.pacing import Pacing


def test_a_change_after_a_pause_is_due_at_once():
    pacing = Pacing(0.1, 5.0)
    for now in (0.0, 2.0, 4.0, 6.0):
        assert pacing.mark("job", now) is False
        assert pacing.take(now) == {"job"}


def test_changes_that_keep_coming_are_spaced_ever_wider_up_to_the_limit():
    pacing, sent = Pacing(0.1, 5.0), []
    for tick in range(10_000):
        now = tick / 100
        pacing.mark("job", now)
        if pacing.take(now):
            sent.append(now)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps[0] < 0.15
    assert max(gaps) < 5.02
    assert gaps[-1] > 4.9


def test_one_jobs_flood_delays_no_other():
    pacing = Pacing(0.1, 5.0)
    for tick in range(1000):
        pacing.mark("loud", tick / 100)
        pacing.take(tick / 100)
    assert pacing.mark("quiet", 10.0) is False
    assert "quiet" in pacing.take(10.0)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50).map(sorted))
def test_no_change_waits_longer_than_the_limit_and_none_is_lost(times):
    pacing = Pacing(0.1, 5.0)
    waiting = False
    for now in times:
        pacing.mark("job", now)
        assert (pacing.wait(now) or 0.0) <= 5.0
        waiting = not pacing.take(now)
    if waiting:
        assert pacing.take(times[-1] + 5.0) == {"job"}


def test_a_forgotten_job_is_due_no_more():
    pacing = Pacing(0.1, 5.0)
    pacing.mark("job", 0.0)
    pacing.forget("job")
    assert pacing.wait(0.0) is None
