"""Every shipped relabel action keeps the contract of relabel actions."""

from __future__ import annotations

import pytest

from narthex.testing.contract import RelabelContract
from narthex.testing.rigs import RelabelRig
from narthex_plugins import relabel_actions

SOURCE = {"source_labels": ["a", "__address__"]}
RULES = {
    "replace": (
        [{**SOURCE, "regex": "(x)?(.*)", "target_label": "t_$1", "replacement": "$2"}],
        [SOURCE],
    ),
    "keep": ([{**SOURCE, "regex": ".+9100"}], []),
    "drop": ([{**SOURCE, "regex": ".+9100"}], []),
    "keepequal": ([{"source_labels": ["a"], "target_label": "b"}], [{"target_label": "b", "regex": "x"}]),
    "dropequal": ([{"source_labels": ["a"], "target_label": "b"}], [{"target_label": "b", "separator": ","}]),
    "hashmod": ([{**SOURCE, "modulus": 8, "target_label": "shard"}], [{"target_label": "shard"}]),
    "labelmap": ([{"regex": "__meta_(.+)"}, {"regex": "(.)", "replacement": "b"}], [{"replacement": ""}]),
    "labeldrop": ([{"regex": "a|b"}], [{"regex": "a", "target_label": "b"}]),
    "labelkeep": ([{"regex": "a|b"}], [{"regex": "a", "source_labels": ["b"]}]),
    "lowercase": ([{**SOURCE, "target_label": "low"}], [SOURCE]),
    "uppercase": ([{**SOURCE, "target_label": "up"}], [SOURCE]),
}
"""For each action rules that are right, and rules that it must refuse."""


def test_every_action_is_held_to_it():
    assert {one.name for one in relabel_actions.ACTIONS} == RULES.keys()


@pytest.fixture(params=RULES)
def action(request):
    return request.param


class TestContract(RelabelContract):
    @pytest.fixture
    def rig(self, action):
        right, wrong = RULES[action]
        methods = {"rules": lambda _: right, "plugin": relabel_actions, "kind": action}
        if wrong:
            methods["bad_rules"] = lambda _: wrong
        return type("Rig", (RelabelRig,), methods)()
