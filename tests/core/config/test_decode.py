# ruff: noqa: ISC004 -- messages are compared word for word
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.decode import decode_json, decode_yaml, reader_of
from narthex.config.types import (
    Count,
    Duration,
    FilePath,
    LabelName,
    RegexText,
    Secret,
    Size,
    Url,
    inline,
    internal,
    key,
    later,
)
from narthex.errors import ConfigError


@dataclass(frozen=True)
class Proxy:
    proxy: Url | None = None

    def check(self):
        if self.proxy == "http://bad":
            yield "proxy", "this proxy is bad"


@dataclass(frozen=True)
class Inner:
    name: str
    size: int = 1


@dataclass(frozen=True)
class Outer:
    labels: Mapping[LabelName, str] = field(default_factory=dict)
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    wait: Duration = Duration(1000)
    flag: bool = False
    share: float = 0.5
    most: Size = Size(0)
    count: Count = Count(0)
    secret: Secret | None = None
    path: FilePath | None = None
    regex: RegexText | None = None
    mode: Literal["fast", "slow"] = "fast"
    class_: str = field(default="", metadata=key("class"))
    soon: int = field(default=3, metadata=later("time travel"))
    proxied: Proxy = field(default_factory=Proxy, metadata=inline())
    extra: Any = None
    hidden: str = field(default="", metadata=internal())


def read(text, cls=Outer, **options):
    return decode_yaml(cls, text, "f.yml", **options)


def problems(text, cls=Outer):
    with pytest.raises(ConfigError) as caught:
        read(text, cls)
    return [str(one).removeprefix("f.yml:") for one in caught.value.problems]


def test_an_empty_file_is_all_defaults():
    assert read("") == read("{}") == read("# comment\n") == read("null") == Outer()


@pytest.mark.parametrize("text", ["on", "012", "1e3", "2026-01-02", "1:30", "yes", "0x10", ".inf", "1_000"])
def test_text_stays_as_it_is_written(text):
    assert read(f"labels: {{a: {text}}}").labels == {"a": text}


def test_every_type_is_read_by_its_target():
    got = read(
        "{wait: 1m, flag: on, share: 1e-1, most: 2KB, count: 0x10, secret: 5, path: x/../y, regex: a.*, mode: slow,"
        " class: c, soon: 3, proxy: 'http://p:1', inner: {name: 7}, inners: [{name: a, size: 2}],"
        " extra: {a: [1, 1.5, true, null, x]}}",
        directory="/etc",
    )
    assert got == Outer(
        wait=Duration(60_000), flag=True, share=0.1, most=Size(2048), count=Count(16), secret=Secret("5"),
        path=FilePath("/etc/y"), regex=RegexText("a.*"), mode="slow", class_="c", proxied=Proxy(Url("http://p:1")),
        inner=Inner("7"), inners=(Inner("a", 2),), extra={"a": [1, 1.5, True, None, "x"]},
    )  # fmt: skip
    assert type(got.wait) is Duration
    assert type(got.path) is FilePath


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wait: 5", "1:7: wait: expected a duration such as 30s or 1h30m, got '5'"),
        ("wait: [1s]", "1:7: wait: expected text, got a list"),
        ("flag: 1", "1:7: flag: expected true or false, got '1'"),
        ("flag: 'true'", "1:7: flag: expected true or false, got 'true'"),
        ("share: much", "1:8: share: expected a number, got 'much'"),
        ("most: 10", "1:7: most: expected a size with a unit of B, KB, MB, GB, TB, PB, EB, such as 10MB, got '10'"),
        ("count: -1", "1:8: count: expected a whole number that is not negative and fits in 64 bits, got -1"),
        ("count: '1'", "1:8: count: expected a number, got '1'"),
        ("regex: (a", "1:8: regex: '(a' is not a valid RE2 expression: missing closing ): `^(?s:(a)$`"),
        ("mode: fasst", "1:7: mode: expected one of fast, slow; got 'fasst'; did you mean 'fast'?"),
        ("labels: {'': x}", "1:10: labels['']: '' is not a valid label name: expected UTF-8 text that is not empty"),
        ("labels: [a]", "1:9: labels: expected a mapping, got a list"),
        ("labels: {[a]: b}", "1:10: labels: expected text as a key, got a list"),
        ("inner: x", "1:8: inner: expected a mapping, got text"),
        ("inner: {}", "1:8: inner.name: required key 'name' is missing"),
        ("inner: {name: }", "1:15: inner.name: expected a value, got nothing"),
        ("inners: {}", "1:9: inners: expected a list, got a mapping; "
         "write [a, b], or each element after '- ' on a line of its own"),
        ("inners:\n- name: a\n-\n", "3:2: inners[1]: empty or null list element"),
        ("inners: [{name: a, size: x}]", "1:26: inners[0].size: expected a whole number, got 'x'"),
        ("clas: x", "1:1: clas: unknown key 'clas'; did you mean 'class'?"),
        ("class_: x", "1:1: class_: unknown key 'class_'; did you mean 'class'?"),
        ("hidden: x", "1:1: hidden: unknown key 'hidden'"),
        ("name: x", "1:1: name: unknown key 'name'; it is a key of 'inner'"),
        ("wait: 1s\nwait: 2s", "2:1: wait: duplicate key 'wait', first in line 1"),
        ("soon: 4", "1:1: soon: not implemented yet: time travel"),
        ("proxy: ftp://x", "1:8: proxy: URL scheme must be 'http' or 'https', got 'ftp://x'"),
        ("proxy: http://u:geheim@h:port", "1:8: proxy: expected a URL, got 'http://u:xxxxx@h:port': "
         "Port could not be cast to integer value as 'port'"),
        ("proxy: http://bad", "1:8: proxy: this proxy is bad"),
        ("class: !!binary '*'", "1:8: class: !!binary value is not base64 of UTF-8 text"),
        ("[]", "1:1: expected a mapping, got a list"),
    ],
)  # fmt: skip
def test_problems_name_place_and_expectation(text, message):
    assert problems(text) == [message]


def test_all_problems_are_reported_at_once_in_file_order():
    text = "flag: x\ninner: {size: a, nme: b}\nwait: y\nclass: {a: b}\n"
    assert [one.split(": ")[0] + " " + one.split(": ")[1] for one in problems(text)] == [
        "1:7 flag", "2:8 inner.name", "2:15 inner.size", "2:18 inner.nme", "3:7 wait", "4:8 class"
    ]  # fmt: skip


def test_checks_across_fields_wait_until_each_field_is_right():
    assert problems("{proxy: 'http://bad', flag: x}") == [
        "1:9: proxy: this proxy is bad",
        "1:29: flag: expected true or false, got 'x'",
    ]


def test_binary_text_is_decoded():
    assert read("class: !!binary aGFsbG8=").class_ == "hallo"


@dataclass(frozen=True)
class Partial:
    name: str = ""
    size: int = 0


def test_own_keys_win_over_merged_ones_and_earlier_merges_over_later():
    text = "a: &a {name: x, size: 2}\nb: &b {size: 3}\nc: {<<: [*b, *a], name: y}\nd: {<<: *a, size: 9}\n"
    got = read(text, Mapping[str, Partial])
    assert got["c"] == Partial("y", 3)
    assert got["d"] == Partial("x", 9)


def test_merging_needs_mappings():
    assert problems("{<<: 5}") == ["1:6: expected a mapping to merge, got '5'"]
    assert problems("&a {<<: *a}") == ["1:1: the mapping is merged into itself"]


def test_a_quoted_merge_key_is_a_key():
    assert read("labels: {'<<': x}").labels == {"<<": "x"}


def test_null_means_the_default_but_an_empty_regex():
    got = read("{wait: , labels: , inners: ~, class: null, regex: , inner: null}")
    assert got == Outer(regex=RegexText(""))


def test_a_null_label_value_is_empty_text():
    assert read("labels: {a: }").labels == {"a": ""}


def test_aliases_within_aliases_cannot_blow_the_document_up():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    text = "extra:\n" + "".join(f"  {line}\n" for line in lines)
    assert problems(text)[-1] == "1:1: aliases make the document much larger than its text"


def test_merges_within_merges_cannot_either():
    lines = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 30)]
    assert len(read("extra:\n" + "".join(f"  {line}\n" for line in lines)).extra) == 30


def test_a_cycle_of_aliases_ends():
    assert problems("extra: &a [*a]")[-1].endswith("nested deeper than 100 levels")


def test_endless_problems_are_cut_off():
    found = problems("\n".join(f"unknown{i}: 1" for i in range(2000)))
    assert len(found) == 501
    assert found[-1] == "501:1: more than 500 problems; the rest is not listed"


def test_long_values_are_cut_in_messages():
    assert len(problems(f"wait: {'x' * 100_000}")[0]) < 600


def test_json_keys_match_in_any_case_but_labels_keep_theirs():
    got = decode_json(Outer, '{"Wait": "1m", "LABELS": {"A": "b"}}', "f.json")
    assert got == Outer(wait=Duration(60_000), labels={"A": "b"})


def test_json_problems_name_the_key_path():
    with pytest.raises(ConfigError) as caught:
        decode_json(tuple[Inner, ...], '[{"name": "a"}, {"name": {}}]', "f.json")
    assert str(caught.value) == "f.json: [1].name: expected text, got a mapping"


@pytest.mark.parametrize("value", ["1", "true", "1.5"])
def test_numbers_and_flags_in_json_are_no_text(value):
    with pytest.raises(ConfigError) as caught:
        decode_json(Outer, f'{{"labels": {{"a": {value}}}, "count": 3}}', "f.json")
    assert str(caught.value) == f"f.json: labels.a: expected text, got {value} without quotes"


def test_a_type_that_no_config_may_use_is_a_programming_error():
    with pytest.raises(TypeError, match="is no type for a field of a configuration dataclass"):
        reader_of(set[int])


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_any_text_survives_yaml(labels):
    text = yaml.safe_dump({"labels": labels}, allow_unicode=True, default_style='"')
    assert read(text).labels == labels


@given(st.text(alphabet="abx:[]{}-*&<!'\" \n01,?|>", max_size=80))
def test_any_document_is_read_or_refused(text):
    with suppress(ConfigError):
        assert isinstance(read(text), Outer)
