from narthex.promql.engine import Semantics
from narthex.promql.parser import ParserOptions
from narthex.server.features import read_features


def test_without_features_the_language_is_that_of_prometheus_without_flags() -> None:
    found = read_features(())
    assert found.parser == ParserOptions()
    assert found.semantics == Semantics()


def test_names_may_be_repeated_or_separated_by_commas() -> None:
    found = read_features(["promql-experimental-functions, promql-delayed-name-removal", "promql-binop-fill-modifiers"])
    assert found.parser == ParserOptions(experimental_functions=True, fill_modifiers=True)
    assert found.semantics == Semantics(delayed_name_removal=True)
    assert found.unknown == ()


def test_an_unknown_name_is_kept_for_a_warning() -> None:
    assert read_features(["time-travel,promql-duration-expr"]).unknown == ("time-travel",)
