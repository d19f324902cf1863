"""The words that plugins must not take are those of the languages."""

from narthex.gotemplate.builtins import BUILTINS
from narthex.gotemplate.functions import for_parsing
from narthex.plugins.words import PROMQL_WORDS, TEMPLATE_WORDS
from narthex.promql.signatures import AGGREGATIONS, FUNCTIONS
from narthex.promql.tokens import KEYWORDS


def test_every_word_of_promql_is_listed():
    assert {*FUNCTIONS, *AGGREGATIONS, *KEYWORDS} == PROMQL_WORDS


def test_every_function_of_templates_is_listed_and_what_else_is_listed_is_a_keyword():
    assert {*for_parsing(), *BUILTINS} <= TEMPLATE_WORDS
    keywords = "block break continue define else end false if nil range template true with"
    assert sorted(TEMPLATE_WORDS - {*for_parsing(), *BUILTINS}) == keywords.split()
