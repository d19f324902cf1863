from __future__ import annotations

import dataclasses
import logging

import pytest

from narthex.discovery.skipping import Skipping
from narthex.testing.discovery import build_context


@pytest.fixture
def context():
    return dataclasses.replace(build_context("http/0"), skip_bad_entries=True)


def test_without_leave_no_entry_is_skipped():
    assert Skipping(build_context()).begin() is None


def test_skipped_entries_are_counted_and_told_when_they_begin_and_end(context, caplog):
    caplog.set_level(logging.INFO)
    skipping = Skipping(context)
    assert skipping.begin() == []
    for skipped in ([], ["entry 1", "entry 2"], ["entry 1"], [], []):
        skipping.end("here", skipped)
    labels = {"mechanism": "http", "config": "test"}
    assert context.registry.get_sample_value("narthex_sd_skipped_entries_total", labels) == 3
    assert [record.message for record in caplog.records] == [
        "Bad entries are left out",
        "There are no bad entries any more",
    ]


def test_each_origin_is_told_by_itself(context, caplog):
    skipping = Skipping(context)
    skipping.end("here", ["entry 1"])
    skipping.end("there", ["entry 1"])
    assert len(caplog.records) == 2
