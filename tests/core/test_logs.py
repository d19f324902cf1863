from __future__ import annotations

import io
import json
import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex import logs
from narthex.config.types import Secret

LINE = re.compile(r'(?P<key>[^\s="]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s="\\]+))(?: |$)')


def parse(line):
    """A logfmt reader of its own: pairs in order; fails on anything that is not a pair."""
    pairs, at = [], 0
    while at < len(line):
        match = LINE.match(line, at)
        assert match, f"not logfmt at {at}: {line!r}"
        bare = match["bare"]
        pairs.append((match["key"], bare if bare is not None else json.loads(f'"{match["quoted"]}"')))
        at = match.end()
    return pairs


def record(msg="it happened", *args, name="narthex.scrape.pool", level=logging.INFO, exc_info=None, **extra):
    made = logging.getLogger(name).makeRecord(name, level, "/src/pool.py", 12, msg, args, exc_info, extra=extra)
    made.created = 1_700_000_000.25
    return made


@pytest.fixture
def root_logger():
    """The root logger, put back as it was."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_line_has_the_fields_of_prometheus_in_order():
    assert logs.LogfmtFormatter().format(record("scrape %s", "failed", job="node", level=logging.WARNING)) == (
        'time=2023-11-14T22:13:20.250Z level=WARN source=pool.py:12 component=scrape msg="scrape failed" job=node'
    )


def test_json_has_the_same_fields_with_their_types():
    line = logs.JsonFormatter().format(record(samples=3, ok=True, names=["a"], secret=Secret("hush")))
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z", "level": "INFO", "source": "pool.py:12", "component": "scrape",
        "msg": "it happened", "samples": 3, "ok": True, "names": ["a"], "secret": "<secret>",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("logger", "component"),
    [
        ("narthex.scrape.pool", "scrape"),
        ("narthex_plugins.tsdb.wal", "tsdb"),
        ("narthex", "narthex"),
        ("acme_rooms.client", "acme_rooms"),
        ("asyncio", "asyncio"),
    ],
)
def test_the_component_comes_from_the_loggers_name(logger, component):
    assert dict(logs.fields(record(name=logger)))["component"] == component


def test_a_component_in_extra_wins():
    assert dict(logs.fields(record(component="wal")))["component"] == "wal"


def test_an_extra_field_cannot_pass_itself_off_as_one_of_ours():
    found = dict(logs.fields(record(time="never", source="elsewhere")))
    assert found["source"] == "pool.py:12"
    assert (found["time_"], found["source_"]) == ("never", "elsewhere")


@pytest.mark.parametrize("formatter", [logs.LogfmtFormatter(), logs.JsonFormatter()])
def test_an_exception_stays_on_its_line(formatter):
    try:
        raise ValueError("a\nb")
    except ValueError:
        line = formatter.format(record(exc_info=sys.exc_info()))
    assert "\n" not in line
    found = json.loads(line) if line.startswith("{") else dict(parse(line))
    assert found["error"] == "ValueError: a\nb"
    assert found["stack"].startswith("Traceback")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"), ("", '""'), ("a b", '"a b"'), ("a=b", '"a=b"'), ('say "hi"', '"say \\"hi\\""'),
        ("a\\b", '"a\\\\b"'), ("a\nb", '"a\\nb"'), ("\x00", '"\\u0000"'), ("Käse", "Käse"), ("\ud800", '"\\ud800"'),
        (True, "true"), (None, "null"), (1.5, "1.5"), (["a", 1], '"[\\"a\\", 1]"'), ({}, "{}"),
    ],
)  # fmt: skip
def test_values_are_quoted_only_where_they_must_be(value, text):
    assert logs.logfmt([("k", value)]) == f"k={text}"


@given(st.lists(st.tuples(st.from_regex(r"[a-z_][a-z0-9_.]*", fullmatch=True), st.text())))
def test_logfmt_reads_back_whatever_was_logged(pairs):
    line = logs.logfmt(pairs)
    assert parse(line) == pairs
    assert len(line.splitlines()) <= 1


@given(st.text(min_size=1))
def test_any_field_name_becomes_one_key(name):
    ((key, value),) = parse(logs.logfmt([(name, "v")]))
    assert value == "v"
    assert key


@given(st.text(alphabet=st.characters()))
def test_json_lines_are_one_line_of_valid_utf_8(text):
    line = logs.JsonFormatter().format(record("%s", text))
    assert "\n" not in line
    line.encode()
    json.loads(line)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {("a", 1): 2}, [float("nan")]])
def test_what_json_cannot_say_is_said_as_text(value):
    found = json.loads(logs.JsonFormatter().format(record(value=value)), parse_constant=pytest.fail)
    assert found["value"] == str(value)
    assert dict(parse(logs.logfmt([("value", value)])))["value"].strip('"') == str(value)


def test_configure_decides_level_and_form(root_logger):
    stream = io.StringIO()
    logs.configure("warn", "json", stream)
    logging.getLogger("narthex.x").info("too quiet")
    logging.getLogger("narthex.x").warning("loud")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["msg"] == "loud"


def test_configure_again_replaces_what_was_there(root_logger):
    first, second = io.StringIO(), io.StringIO()
    logs.configure("debug", "logfmt", first)
    logs.configure("info", "logfmt", second)
    logging.getLogger("acme").debug("too quiet")
    logging.getLogger("acme").error("loud")
    assert first.getvalue() == ""
    assert "msg=loud" in second.getvalue()


def test_talkative_libraries_are_kept_down(root_logger):
    stream = io.StringIO()
    logs.configure("info", "logfmt", stream)
    logging.getLogger("watchfiles.main").info("1 change detected")
    assert stream.getvalue() == ""


def test_debugging_does_not_show_what_the_aws_library_knows(root_logger):
    stream = io.StringIO()
    logs.configure("debug", "logfmt", stream)
    logging.getLogger("botocore.parsers").debug("Response body: SecretAccessKey")
    logging.getLogger("botocore.credentials").warning("Refreshing temporary credentials failed")
    logging.getLogger("botocore.credentials").error("loud")
    assert "Secret" not in stream.getvalue()
    assert "Refreshing" not in stream.getvalue()
    assert "msg=loud" in stream.getvalue()
