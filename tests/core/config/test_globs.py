import pytest

from narthex.config.globs import check_pattern, expand, expand_all


@pytest.fixture
def tree(tmp_path):
    for name in ("b.yml", "a.yml", ".hidden.yml", "c.txt", "d1/x.yml", "d2/y.yml", "star*.yml", "[x].yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(tree, pattern):
    return [one.removeprefix(f"{tree}/") for one in expand(f"{tree}/{pattern}")]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.yml", [".hidden.yml", "[x].yml", "a.yml", "b.yml", "star*.yml"]),
        ("?.yml", ["a.yml", "b.yml"]),
        ("[a-b].*", ["a.yml", "b.yml"]),
        ("[^a].yml", ["b.yml"]),
        ("[b-a].yml", []),
        ("[^b-a].yml", ["a.yml", "b.yml"]),
        (r"[\a-\b].yml", ["a.yml", "b.yml"]),
        (r"[\[b]*.yml", ["[x].yml", "b.yml"]),
        ("d?/*.yml", ["d1/x.yml", "d2/y.yml"]),
        (r"star\*.yml", ["star*.yml"]),
        (r"\[x\].yml", ["[x].yml"]),
        ("a.yml", ["a.yml"]),
        ("none.yml", []),
        ("none/*.yml", []),
    ],
)
def test_patterns_match_as_in_go(tree, pattern, found):
    assert names(tree, pattern) == found


def test_relative_patterns_start_at_the_working_directory(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert expand("?.yml") == ["a.yml", "b.yml"]


def test_a_file_of_several_patterns_comes_once(tree):
    found = expand_all([f"{tree}/b.yml", f"{tree}/?.yml"])
    assert [one.name for one in found] == ["b.yml", "a.yml"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "the file name must not be empty"),
        ("*/a.yml", "invalid file pattern '*/a.yml': '*' may stand in the last part of the path only"),
        ("a/**/b", "invalid file pattern 'a/**/b': '*' may stand in the last part of the path only"),
        ("[a-]", "invalid file pattern: syntax error at '-'"),
        ("a[", "invalid file pattern 'a[': syntax error at '['"),
        ("rules/[a-z]?.yml", ""),
        ("rules/*.yml", ""),
    ],
)
def test_broken_patterns_are_refused(pattern, message):
    assert check_pattern(pattern) == message
