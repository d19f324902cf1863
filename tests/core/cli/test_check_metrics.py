from __future__ import annotations

import pytest
from click.testing import CliRunner

from narthex.cli.checkmetrics import metrics, style
from narthex.scrape.strict import read_families

GOOD = "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n"


def run(text: str, *options: str):
    return CliRunner().invoke(metrics, list(options), input=text, standalone_mode=False)


def test_good_metrics_pass_silently() -> None:
    found = run(GOOD)
    assert (found.return_value, found.output) == (0, "")


def test_what_the_format_forbids_is_told_with_its_line() -> None:
    found = run(GOOD + "b 1 2 3\n")
    assert found.return_value == 1
    assert "error in line 4: spurious string after timestamp" in found.output


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# TYPE a_total counter\na_total 1\n", "a_total no help text"),
        ("# HELP a A.\n# TYPE a counter\na 1\n", 'a counter metrics should have "_total" suffix'),
        ("# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n", "should not have"),
        ("# HELP a_sum A.\n# TYPE a_sum gauge\na_sum 1\n", '"_sum" suffix'),
        ("# HELP a_gauge A.\n# TYPE a_gauge gauge\na_gauge 1\n", "include type 'gauge'"),
        ('# HELP a A.\n# TYPE a gauge\na{le="1"} 1\n', '"le" label'),
    ],
)
def test_style_is_a_matter_of_its_own(text: str, complaint: str) -> None:
    found = run(text)
    assert found.return_value == 3
    assert complaint in found.output
    assert run(text, "--no-lint").return_value == 0


def test_families_are_counted() -> None:
    histogram = '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'
    found = run(GOOD + histogram, "--extended")
    assert found.output.splitlines() == ["h\t4\t80.00%", "a_total\t1\t20.00%", "total\t5\t100.00%"]


def test_a_histogram_is_one_metric_without_complaints() -> None:
    (family,) = read_families(b'# HELP h H.\n# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n')
    assert list(style(family)) == []
