"""Functions of plugins in templates."""

from __future__ import annotations

import pytest

from narthex.errors import TemplateError
from narthex.gotemplate import Template
from narthex.gotemplate.contributed import plugin_functions
from narthex.kinds import TemplateFunction
from narthex.plugins.catalog import Catalog, Contribution, Origin


def template(text, *functions):
    origin = Origin("links", "acme-links", "2.0")
    catalog = Catalog(templates={one.name: Contribution(one, origin) for one in functions})
    return Template(text, "t", plugin_functions(catalog))


def test_a_function_is_called_with_its_arguments():
    join = TemplateFunction("joined", lambda separator, *texts: separator.join(texts), ("string",), "string")
    assert template('{{ joined "-" "a" "b" }}', join).execute(None) == "a-b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ link 7 }}", "expected string; found 7"),
        ("{{ link }}", "wrong number of args for link: want 1 got 0"),
        ('{{ link "a" "b" }}', "wrong number of args for link: want 1 got 2"),
    ],
)
def test_arguments_are_checked_as_go_checks_them(text, problem):
    with pytest.raises(TemplateError, match=problem):
        template(text, TemplateFunction("link", str.upper, ("string",))).execute(None)


@pytest.mark.parametrize("error", [KeyError("missing"), SystemExit(1)])
def test_what_a_function_raises_names_the_plugin(error):
    def fail(_):
        raise error

    with pytest.raises(TemplateError, match=r"function link of plugin links \(acme-links 2\.0\) failed: (Key|System)"):
        template('{{ link "a" }}', TemplateFunction("link", fail, ("string",))).execute(None)
