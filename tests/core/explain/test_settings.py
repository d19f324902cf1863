from __future__ import annotations

import pytest

from narthex.explain.settings import setting_changes

BASE = """
scrape_configs:
- job_name: j
  scrape_interval: 15s
  basic_auth: {username: u, password: one}
  relabel_configs:
  - {action: labeldrop, regex: a}
  - {action: labeldrop, regex: b}
"""


@pytest.fixture
def changes(config):
    def between(before, after, **how):
        one, other = (config(text).scrape_configs[0] for text in (before, after))
        return [(change.path, list(change.lines())) for change in setting_changes(one, other, **how)]

    return between


def test_equal_configurations_have_no_changes(changes):
    assert changes(BASE, BASE) == []


def test_a_setting_is_named_by_its_path(changes):
    other = BASE.replace("15s", "20s").replace("username: u", "username: v")
    assert changes(BASE, other) == [
        ("scrape_interval", ["- 15s", "+ 20s"]),
        ("basic_auth.username", ["- u", "+ v"]),
    ]


def test_of_a_list_only_the_elements_that_differ_are_shown(changes):
    ((path, lines),) = changes(BASE, BASE.replace("regex: b", "regex: c"))
    assert path == "relabel_configs"
    assert [line[0] for line in lines] == ["-", "+"]
    assert '"regex": "b"' in lines[0]
    assert '"regex": "c"' in lines[1]


def test_a_secret_is_compared_but_never_shown(changes):
    other = BASE.replace("password: one", "password: two")
    assert changes(BASE, other) == [("(secret)", ["- <secret>", "+ <secret>, another one"])]
    assert changes(BASE, other, secrets=False) == []


def test_keys_may_be_left_out(changes):
    assert changes(BASE, BASE.replace("15s", "20s"), without=["scrape_interval"]) == []
