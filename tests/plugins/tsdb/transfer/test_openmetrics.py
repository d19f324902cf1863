"""The streaming reader against the scraper's parser, and what it refuses."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.errors import StorageError
from narthex.model.labels import Labels
from narthex.scrape.exposition import Series
from narthex_plugins.exposition import parse_openmetrics
from narthex_plugins.tsdb.transfer import openmetrics
from narthex_plugins.tsdb.transfer.openmetrics import OpenMetricsReader


def read(text: str):
    reader = OpenMetricsReader(io.BytesIO(text.encode()), "dump.om")
    found = []
    for points in reader.batches():
        rows = zip(points.series.tolist(), points.times.tolist(), points.values.tolist(), strict=True)
        found += [(reader.labels[series], time, value) for series, time, value in rows]
    return found


@pytest.fixture(params=[1 << 22, 40, 7])
def chunk(request, monkeypatch):
    monkeypatch.setattr(openmetrics, "_CHUNK", request.param)


DUMP = """\
# HELP a Something.
# TYPE a gauge
a{x="1"} 1 100
a{x="2 3"} 2.5e3 100.25
a{x="1"} +Inf 115
a{x="1",} -0.5 1e2
# TYPE h histogram
h_bucket{le="1"} 1 100
h_bucket{le="1.0"} 2 101
# TYPE g gauge
h_bucket{le="1"} 3 102
c_total 5 100.0 # {trace="a b"} 0.25 99
c_total NaN 101
c_total 007 102
{"ä.b","l-l"="1"} 4 103
# EOF
"""


def test_a_dump_is_read_as_the_scraper_would_read_it(chunk):
    found = read(DUMP)
    wanted = [one for one in parse_openmetrics(DUMP.encode()) if isinstance(one, Series)]
    assert [(labels, time) for labels, time, _ in found] == [(Labels(one.labels), one.timestamp) for one in wanted]
    np.testing.assert_array_equal([value for *_, value in found], [one.value for one in wanted])


def test_equal_labels_in_another_spelling_are_one_series():
    reader = OpenMetricsReader(io.BytesIO(b'a{x="1",y="2"} 1 1\na{y="2",x="1"} 2 2\n# EOF\n'), "-")
    (points,) = reader.batches()
    assert points.series.tolist() == [0, 0]
    assert len(reader.labels) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.text(max_size=4), st.floats(allow_nan=False), st.integers(0, 1 << 41)),
        max_size=30,
    )
)
def test_values_come_back_to_the_bit_and_times_to_the_millisecond(samples):
    lines, wanted = [], []
    for name, text, value, time in samples:
        labels = Labels({"__name__": name, "t": text})
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        shown = ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)
        lines.append(f'{name}{{t="{escaped}"}} {shown} {time // 1000}\n')
        wanted.append((labels, time // 1000 * 1000, value))
    assert read("".join(lines) + "# EOF\n") == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a 1 1\na 2\n# EOF\n", "line 2: 'a 2' has no timestamp"),
        ("a 1\n# EOF\n", "line 1: 'a 1' has no timestamp"),
        ("a 1 1\na true 1\n# EOF\n", "line 2: not a number: 'true'"),
        ("a 1 1\na 1,2 1\n# EOF\n", "line 2: not a number: '1,2'"),
        ("a 1 1\na 1_0 2\n# EOF\n", "line 2: not a number: '1_0'"),
        ("a 1 1\n\n# EOF\n", "line 2: expected a metric name"),
        ("a 1 1\na 1 NaN\n# EOF\n", "line 2: invalid timestamp NaN"),
        ("a 1 1\n", "line 1: the file does not end with # EOF"),
        ("", "line 0: the file does not end with # EOF"),
        ("# EOF\na 1 1\n", "line 2: data behind # EOF"),
        ("# TYPE a banana\n# EOF\n", 'line 1: invalid metric type "banana"'),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(chunk, text, complaint):
    with pytest.raises(StorageError) as caught:
        read(text)
    assert str(caught.value) == f"dump.om: {complaint}"
