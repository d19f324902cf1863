import pytest

from narthex.config.external import expand_labels


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("$A", "1"),
        ("x${A}y", "x1y"),
        ("$$A", "$A"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("$A$A", "11"),
        ("${A", "A"),
        ("a${}b", "ab"),
    ],
)
def test_variables_are_expanded(value, expanded):
    assert expand_labels({"l": value}, {"A": "1"}) == ({"l": expanded}, [])


def test_an_unset_variable_is_empty_with_a_warning():
    labels, warnings = expand_labels({"dc": "x$NO"}, {})
    assert labels == {"dc": "x"}
    assert warnings == ["external label 'dc': environment variable 'NO' is not set; empty text is used"]
