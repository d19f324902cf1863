"""Texts of alerts."""

from narthex.errors import QueryError
from narthex.gotemplate import StringMap
from narthex.model.labels import Labels
from narthex.promql.value import QueryResult, Scalar, String
from narthex.rules.expansion import AlertData, TextSet, check_template, labels_of, template_functions

DATA = AlertData(StringMap(__name__="up", job="x"), StringMap(dc="eu"), "http://mon/", 0.25)


def expand(text, query=None):
    functions = template_functions(query or (lambda expr, time: QueryResult(Scalar(7.0, time))), 5000, "http://mon/")
    return dict(TextSet({"text": text}, "Down").expand(DATA, functions))["text"]


def test_variables_and_dot():
    assert (
        expand("{{ $labels.job }} {{ $value }} {{ $externalLabels.dc }} {{ $externalURL }}") == "x 0.25 eu http://mon/"
    )
    assert (
        expand("{{ .Labels.__name__ }} {{ .Value }} {{ .ExternalLabels.dc }} {{ .ExternalURL }}")
        == "up 0.25 eu http://mon/"
    )
    assert expand("[{{ $labels.absent }}]") == "[]"


def test_query_runs_at_the_evaluation_time_and_takes_scalars():
    times = []

    def query(expr, time):
        times.append((expr, time))
        return QueryResult(Scalar(7.0, time))

    assert expand('{{ query "vector(7)" | first | value }} {{ now }}', query) == "7 5"
    assert times == [("vector(7)", 5000)]


def test_failure_becomes_the_text():
    assert expand("{{ $labels.job.more }}") == (
        "<error expanding template: error executing template __alert_Down: template: __alert_Down:1:122: "
        'executing "__alert_Down" at <$labels.job.more>: can\'t evaluate field more in type string>'
    )

    def query(expr, time):
        raise QueryError("too slow")

    assert "error calling query: too slow" in expand('{{ query "x" }}', query)
    assert "not a vector or scalar" in expand('{{ query "x" }}', lambda _, time: QueryResult(String("x", time)))
    assert "error parsing template" in expand("{{ nothing }}")


def test_check_finds_what_does_not_parse():
    assert check_template("{{ $labels.job }} {{ humanize $value }}") is None
    assert check_template("no template") is None
    message = 'error parsing template __alert_Down: template: __alert_Down:1: function "nothing" not defined'
    assert check_template("{{ nothing }}", "Down") == message
    assert "undefined variable" in check_template("{{ $label }}")


def test_identity_has_no_metric_name_and_the_rule_wins():
    element = Labels({"__name__": "up", "job": "x", "alertname": "other", "gone": "1"})
    labels = labels_of(element, [("job", "y"), ("gone", ""), ("alertname", "no")], "Down")
    assert labels == Labels({"job": "y", "alertname": "Down"})
