"""What a receiver is told about an alert."""

from narthex.model.labels import EMPTY, Labels
from narthex.rules.alerting import ActiveAlert, State
from narthex.rules.sending import outgoing

FIRING = ActiveAlert(Labels({"a": "1"}), EMPTY, 1.0, State.FIRING, active_at=100_000, fired_at=160_000)


def test_firing_alert_starts_when_it_fired_and_ends_after_four_times_the_patience():
    alert = outgoing(FIRING, 200_500, 60_000, "http://x/p/", "up == 0")
    assert (alert.starts_at, alert.ends_at) == (160.0, 440.5)
    assert alert.generator_url == "http://x/p/graph?g0.expr=up+%3D%3D+0&g0.tab=1"


def test_resolved_alert_ends_when_it_was_resolved():
    resolved = ActiveAlert(FIRING.labels, EMPTY, 1.0, State.INACTIVE, 100_000, 160_000, resolved_at=190_000)
    alert = outgoing(resolved, 200_000, 60_000, "", "up")
    assert alert.ends_at == 190.0
    assert alert.is_resolved(200.0)
