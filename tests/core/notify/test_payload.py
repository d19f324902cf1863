import orjson

from narthex.model.alert import Alert
from narthex.model.labels import Labels
from narthex.notify.payload import alerts_json, rfc3339


def test_times_have_milliseconds_and_are_utc() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1433337718.5554) == "2015-06-03T13:21:58.555Z"


def test_the_body_is_what_alertmanager_takes() -> None:
    alert = Alert(Labels({"alertname": "A"}), Labels({"summary": "s"}), 1.0, 2.0, "http://x/graph")
    assert orjson.loads(alerts_json([alert])) == [
        {
            "labels": {"alertname": "A"},
            "annotations": {"summary": "s"},
            "startsAt": "1970-01-01T00:00:01.000Z",
            "endsAt": "1970-01-01T00:00:02.000Z",
            "generatorURL": "http://x/graph",
        }
    ]
