import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.config.escaping import escape_name, unescape_values
from narthex.config.names import is_label_name, is_metric_name, sanitize_label_name, valid_label_name


def test_any_text_is_a_name_unless_empty_or_not_utf8():
    assert is_label_name("http.method")
    assert is_metric_name("花火")
    assert not is_label_name("")
    assert not is_metric_name("a\udcc5")


def test_the_legacy_alphabet():
    assert is_label_name("_a1", legacy=True)
    assert not is_label_name("a:b", legacy=True)
    assert is_metric_name("a:b", legacy=True)
    assert not is_metric_name("1a", legacy=True)
    assert not is_label_name("a\n", legacy=True)


def test_foreign_characters_become_underscores():
    assert sanitize_label_name("9-a.ü") == "9_a__"
    assert valid_label_name("9-a.ü") == "__a__"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_escaping_by_values_loses_nothing(name):
    escaped = escape_name(name, "values")
    assert not name or is_metric_name(escaped, legacy=True)
    assert unescape_values(escaped) == name or is_metric_name(name, legacy=True)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match=r"^unknown escaping scheme 'rot13'$"):
        escape_name("a.b", "rot13")
