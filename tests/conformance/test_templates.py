"""Rule and console templates expand as Prometheus expands them."""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.conformance.cases import decoded, params

from narthex.errors import TemplateError
from narthex.gotemplate import Exported, StringMap, Template, Uint
from narthex.gotemplate.functions import prometheus_functions
from narthex.gotemplate.samples import TemplateSample

NOW = 1353755652.0
URL = "http://testhost:9090/path/prefix"


@dataclass(frozen=True)
class Histogram(Exported):
    """Stands in for a native histogram's value, which prints as its count and sum."""

    count: float
    sum: float

    def go_text(self):
        return f"{{count:{self.count:g}, sum:{self.sum:g}}}"


def sample(given: dict[str, Any]) -> TemplateSample:
    histogram = given.get("histogram")
    value = Histogram(**histogram) if histogram else float(decoded(given["value"]))
    return TemplateSample(StringMap(given["labels"]), value)


def data(given: Any) -> Any:
    """The dot: a value with its Go type. Lists hold uints where the numbers say they can be nothing else."""
    if given is None:
        return None
    match given["type"]:
        case "sample":
            return sample(given)
        case "list":
            return [Uint(one) if isinstance(one, int) and one >= 1 << 63 else one for one in given["value"]]
        case "uint":
            return Uint(given["value"])
        case "int":
            return int(given["value"])
        case "float":
            return float(decoded(given["value"]))
    return given["value"]


def expand(case: dict[str, Any]) -> str:
    missing = next((one.partition("=")[2] for one in case["options"]), "zero")
    functions = prometheus_functions(lambda _: [sample(one) for one in case["query_result"]], NOW, URL)
    template = Template(case["text"], "test", functions, missing_key=missing, html=case["html"])
    return template.execute(data(case["input"]))


@pytest.mark.parametrize("case", params("templates/expand.json"))
def test_template_expands_as_in_prometheus(case):
    if case["valid"]:
        assert expand(case) == case["output"]
        return
    with pytest.raises(TemplateError) as caught:
        expand(case)
    assert str(caught.value) == case["error"].partition(" template test: ")[2]
