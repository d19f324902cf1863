import json

import pytest

from narthex.config.types import Url
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup
from narthex_sd.http.labels import groups_of, is_json

URL = Url("http://127.0.0.1/targets")


@pytest.mark.parametrize(
    "text", ["application/json", "Application/Json; charset=utf-8", 'application/json;charset="UTF-8"']
)
def test_json_in_utf8_is_read(text):
    assert is_json(text)


@pytest.mark.parametrize(
    "text",
    ["", "text/json", "application/json;", "application/json; charset=latin1", "application/json; charset=utf-8; q=1",
     "application/\u212ason"],
)  # fmt: skip
def test_other_types_are_not(text):
    assert not is_json(text)


def test_labels_of_the_answer_stand_and_the_url_is_added():
    body = json.dumps([{"targets": ["h:1"], "labels": {"__scheme__": "https", "job": "a", "__meta_url": "forged"}}])
    (group,) = groups_of(body.encode(), URL)
    labels = {"__scheme__": "https", "job": "a", "__meta_url": URL}
    assert group == TargetGroup(f"{URL}:0", ({"__address__": "h:1"},), labels)


def test_a_password_in_the_url_does_not_become_a_label():
    (group,) = groups_of(b'[{"targets": ["h:1"]}]', Url("http://me:hunter2@127.0.0.1/targets"))
    assert "hunter2" not in repr(group)
    assert group.labels == {"__meta_url": "http://me:xxxxx@127.0.0.1/targets"}


def test_the_first_wrong_entry_is_named_and_the_others_counted():
    with pytest.raises(DiscoveryError, match=r"\[1\]\.a: unknown key 'a' \(and 2 more\)$"):
        groups_of(b'[{}, {"a": 1}, {"b": 1}, null]', URL)
