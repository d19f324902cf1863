"""The shipped formats keep the contract of scrape kinds."""

from __future__ import annotations

import pytest
from tests.plugins.exposition.protobuf_encoder import body, double, message, varint
from tests.plugins.exposition.test_protobuf import NATIVE, family, label

from narthex.testing.contract import ScrapeContract
from narthex.testing.rigs import ScrapeRig
from narthex_plugins import exposition

TEXT = b"""# HELP up Whether it is up.
# TYPE up gauge
up 1
# TYPE req counter
req{path="/a b",code="200"} 12 1700000000000
req{path="/\\"",code="500"} 3e2
# TYPE lat histogram
lat_bucket{le="0.5"} 1
lat_bucket{le="+Inf"} 2
lat_sum 1.5
lat_count 2
{"dotted.name",x="y"} NaN
"""
OPENMETRICS = b"""# TYPE req counter
req_total{code="200"} 12.0 1700000000.5 # {trace_id="x"} 1.0 1700000000.0
req_total{code="500"} 3.0
# TYPE lat histogram
lat_bucket{le="0.5"} 1
lat_bucket{le="+Inf"} 2
lat_sum 1.5
lat_count 2
# EOF
"""


class TextRig(ScrapeRig):
    plugin = exposition
    kind = "prometheus_text"

    def bodies(self):
        return [(TEXT, "text/plain; version=0.0.4"), (b"up 1", "text/plain")]

    def bad(self):
        return [(one, "text/plain") for one in (b"up", b"up x\n", b'up{a="b} 1\n', b"# TYPE up thing\n", b"\xff 1\n")]


class OpenMetricsRig(ScrapeRig):
    plugin = exposition
    kind = "openmetrics"

    def bodies(self):
        return [(OPENMETRICS, "application/openmetrics-text; version=1.0.0")]

    def bad(self):
        bodies = (b"up 1\n", b"up 1\n# EOF\nup 2\n", b"# TYPE up gauge\nup x\n# EOF\n", b"\n# EOF\n")
        return [(one, "application/openmetrics-text; version=1.0.0") for one in bodies]


class TestText(ScrapeContract):
    @pytest.fixture
    def rig(self):
        return TextRig()


class TestOpenMetrics(ScrapeContract):
    @pytest.fixture
    def rig(self):
        return OpenMetricsRig()


PROTOBUF_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


class ProtobufRig(ScrapeRig):
    plugin = exposition
    kind = "protobuf"

    def bodies(self):
        gauge = family("up", 1, label("job", "ä") + message(2, double(1, 1.5)) + varint(6, 1_700_000_000_000))
        return [(body(gauge, family("h", 4, message(7, NATIVE))), PROTOBUF_TYPE)]

    def bad(self):
        (whole, _), *_ = self.bodies()
        return [(whole[:-1], PROTOBUF_TYPE), (b"\xff" * 12, PROTOBUF_TYPE)]


class TestProtobuf(ScrapeContract):
    @pytest.fixture
    def rig(self):
        return ProtobufRig()
