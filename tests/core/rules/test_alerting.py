"""The life of an alert."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import RuleError
from narthex.model.labels import Labels
from narthex.rules.alerting import Found, LimitExceededError, State, Timing, advance, due

MINUTE = 60_000
A, B = Labels({"alert": "a"}), Labels({"alert": "b"})


def found(*labels, value=1.0, note="n"):
    return [Found(one, Labels({"note": note}), value) for one in labels]


def play(steps, timing):
    """Advance minute by minute; each step is the labels found. Returns the states of A, None where it is unknown."""
    alerts, states = {}, []
    for minute, labels in enumerate(steps):
        alerts = advance(alerts, found(*labels), minute * MINUTE, timing)
        states.append(alerts[A].state if A in alerts else None)
    return states


def test_without_for_it_fires_at_once():
    (alert,) = advance({}, found(A), 5 * MINUTE, Timing()).values()
    assert (alert.state, alert.active_at, alert.fired_at) == (State.FIRING, 5 * MINUTE, 5 * MINUTE)


def test_pending_until_for_has_passed():
    assert play([[A]] * 4, Timing(hold=2 * MINUTE)) == ["pending", "pending", "firing", "firing"]


def test_pending_alert_that_vanishes_leaves_nothing():
    assert play([[A], [], [A]], Timing(hold=2 * MINUTE)) == ["pending", None, "pending"]


def test_firing_alert_resolves_and_is_remembered_for_15_minutes():
    states = play([[A], *[[]] * 18], Timing())
    assert states == ["firing", *["inactive"] * 16, None, None]


def test_reappearing_within_retention_is_a_new_alert():
    steps = [[A], [A], [], [A], [A]]
    assert play(steps, Timing(hold=MINUTE)) == ["pending", "firing", "inactive", "pending", "firing"]


def test_keep_firing_counts_from_the_first_absence():
    steps = [[A], [], [], [], []]
    assert play(steps, Timing(keep_firing_for=2 * MINUTE)) == ["firing", "firing", "firing", "inactive", "inactive"]


def test_presence_clears_the_keep_firing_clock():
    steps = [[A], [], [A], [], [], []]
    assert play(steps, Timing(keep_firing_for=2 * MINUTE)) == [*["firing"] * 5, "inactive"]


def test_keep_firing_freezes_value_and_annotations():
    timing = Timing(keep_firing_for=5 * MINUTE)
    first = advance({}, found(A, value=3.0, note="old"), 0, timing)
    kept = advance(first, [], MINUTE, timing)[A]
    assert (kept.value, kept.annotations["note"], kept.keep_firing_since) == (3.0, "old", MINUTE)


def test_value_and_annotations_follow_every_evaluation():
    first = advance({}, found(A, value=3.0, note="old"), 0, Timing())
    alert = advance(first, found(A, value=4.0, note="new"), MINUTE, Timing())[A]
    assert (alert.value, alert.annotations["note"], alert.active_at) == (4.0, "new", 0)


def test_longer_for_takes_a_firing_alert_back_to_pending():
    alerts = advance({}, found(A), 0, Timing())
    alert = advance(alerts, found(A), MINUTE, Timing(hold=5 * MINUTE))[A]
    assert (alert.state, alert.fired_at, alert.last_sent_at, alert.active_at) == (State.PENDING, None, None, 0)
    assert due({A: alert}, MINUTE, MINUTE) == []


def test_equal_labels_are_an_error():
    with pytest.raises(RuleError, match="same labelset after applying alert labels"):
        advance({}, found(A, B, A), 0, Timing())


def test_limit_counts_pending_and_firing_but_not_resolved():
    alerts = advance({}, found(A), 0, Timing(limit=1))
    resolved = advance(alerts, found(B), MINUTE, Timing(limit=1))
    assert [one.state for one in resolved.values()] == ["inactive", "firing"]
    with pytest.raises(LimitExceededError, match="exceeded limit of 1 with 2 alerts"):
        advance(resolved, found(A, B), 2 * MINUTE, Timing(limit=1))


# --- sending ----------------------------------------------------------------------------------------------------------


def send(alerts, now):
    sent = due(alerts, now, MINUTE)
    return sent, {**alerts, **{one.labels: one for one in sent}}


def test_pending_is_never_sent():
    assert due(advance({}, found(A), 0, Timing(hold=1)), 0, MINUTE) == []


def test_firing_is_sent_at_once_and_again_strictly_after_the_resend_delay():
    alerts = advance({}, found(A), 0, Timing())
    sent, alerts = send(alerts, 0)
    assert len(sent) == 1
    assert due(alerts, MINUTE, MINUTE) == []
    assert len(due(alerts, MINUTE + 1, MINUTE)) == 1


def test_resolved_is_sent_at_once_then_at_the_resend_delay():
    _, alerts = send(advance({}, found(A), 0, Timing()), 0)
    alerts = advance(alerts, [], 10_000, Timing())
    sent, alerts = send(alerts, 10_000)
    assert [one.state for one in sent] == ["inactive"]
    assert due(alerts, 20_000, MINUTE) == []
    assert len(due(alerts, 80_000, MINUTE)) == 1


# --- properties -------------------------------------------------------------------------------------------------------

STEPS = st.lists(st.lists(st.sampled_from([A, B]), unique=True), max_size=30)
TIMINGS = st.builds(Timing, hold=st.integers(0, 4 * MINUTE), keep_firing_for=st.integers(0, 4 * MINUTE))


@given(STEPS, TIMINGS)
def test_what_is_found_is_active_and_only_kept_alerts_fire_without_being_found(steps, timing):
    alerts = {}
    for minute, labels in enumerate(steps):
        alerts = advance(alerts, found(*labels), minute * MINUTE, timing)
        active = {one.labels for one in alerts.values() if one.state is not State.INACTIVE}
        assert set(labels) <= active
        assert all(alerts[one].keep_firing_since is not None for one in active - set(labels))


@given(STEPS, TIMINGS)
def test_times_agree_with_the_state(steps, timing):
    alerts = {}
    for minute, labels in enumerate(steps):
        now = minute * MINUTE
        alerts = advance(alerts, found(*labels), now, timing)
        for alert in alerts.values():
            assert (alert.fired_at is None) == (alert.state is State.PENDING)
            assert (alert.resolved_at is not None) == (alert.state is State.INACTIVE)
            if alert.fired_at is not None:
                assert alert.active_at + timing.hold <= alert.fired_at <= now
