from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.e2e.servers import free_port


class Api:
    """An HTTP API on loopback that answers what the test says and keeps what it was asked."""

    def __init__(self):
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                path = urlsplit(self.path)
                api.asked.append(
                    (
                        self.command,
                        path.path,
                        parse_qsl(body or path.query),
                        {k.lower(): v for k, v in self.headers.items()},
                    )
                )
                self.send_response(api.status)
                self.end_headers()
                self.wfile.write(api.body)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *arguments):
                pass

        self.asked = []
        self.status, self.body = 200, b""
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, data, status=200, **envelope):
        self.status, self.body = status, json.dumps({"status": "success", "data": data, **envelope}).encode()


@pytest.fixture
def api(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()


UP = {"__name__": "up", "job": "a", "instance": 'say "hi"'}


def test_an_instant_vector_is_printed_as_promtool_does(narthex, api):
    api.answers({"resultType": "vector", "result": [{"metric": UP, "value": [1795364936.751, "1"]}]})
    outcome = narthex("query", "instant", api.url, "up")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == 'up{instance="say \\"hi\\"", job="a"} => 1 @[1795364936.751]\n'
    ((method, path, form, _headers),) = api.asked
    assert (method, path, form) == ("POST", "/api/v1/query", [("query", "up")])


@pytest.mark.parametrize(
    ("kind", "result", "printed"),
    [
        ("scalar", [1795364936, "2"], "scalar: 2 @[1795364936]\n"),
        ("string", [1795364936, "text"], "text\n"),
        ("vector", [], ""),
        ("vector", [{"metric": {}, "value": [1.5, "NaN"]}], "{} => NaN @[1.5]\n"),
        ("vector", [{"metric": {"__name__": "up"}, "value": [1, "1"]}], "up => 1 @[1]\n"),
        (
            "vector",
            [{"metric": {}, "histogram": [1, {"count": "3", "sum": "4", "buckets": [[0, "0.5", "1", "3"]]}]}],
            "{} => {count:3, sum:4, (0.5,1]:3} @[1]\n",
        ),
        (
            "matrix",
            [{"metric": {"a": "b"}, "values": [[1, "1"], [3, "2"]], "histograms": [[2, {"count": "0", "sum": "0"}]]}],
            '{a="b"} =>\n1 @[1]\n{count:0, sum:0} @[2]\n2 @[3]\n',
        ),
    ],
)
def test_every_result_type_has_its_form(narthex, api, kind, result, printed):
    api.answers({"resultType": kind, "result": result})
    assert narthex("query", "instant", api.url, "x").out == printed


def test_json_is_the_result_as_it_came(narthex, api):
    result = [{"metric": UP, "value": [1.5, "1"]}]
    api.answers({"resultType": "vector", "result": result})
    assert json.loads(narthex("query", "instant", "-o", "json", api.url, "up").out) == result


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("1700000000.5", "1700000000.5"),
        ("2023-11-14T22:13:20Z", "1700000000.0"),
        ("2023-11-14T23:13:20+01:00", "1700000000.0"),
    ],
)
def test_a_time_may_be_written_both_ways(narthex, api, text, sent):
    api.answers({"resultType": "vector", "result": []})
    narthex("query", "instant", api.url, "up", f"--time={text}")
    assert dict(api.asked[0][2])["time"] == sent


def test_a_range_query_sends_start_end_and_step(narthex, api):
    api.answers({"resultType": "matrix", "result": []})
    narthex("query", "range", api.url, "up", "--start=0", "--end=600", "--step=1m")
    assert api.asked[0][1:3] == (
        "/api/v1/query_range", [("query", "up"), ("start", "0.0"), ("end", "600.0"), ("step", "60.0")]
    )  # fmt: skip


@pytest.mark.parametrize(("window", "step"), [(600, "2.0"), (10, "1.0")])
def test_the_step_follows_from_the_range(narthex, api, window, step):
    api.answers({"resultType": "matrix", "result": []})
    narthex("query", "range", api.url, "up", "--start=0", f"--end={window}")
    assert dict(api.asked[0][2])["step"] == step


def test_the_range_is_the_last_five_minutes_by_default(narthex, api):
    api.answers({"resultType": "matrix", "result": []})
    narthex("query", "range", api.url, "up")
    form = dict(api.asked[0][2])
    assert float(form["end"]) - float(form["start"]) == 300


def test_series_are_asked_with_every_selector(narthex, api):
    api.answers([{"__name__": "up", "job": "a"}])
    outcome = narthex("query", "series", api.url, "--match=up", "--match=down", "--end=5")
    assert outcome.out == '{__name__="up", job="a"}\n'
    assert api.asked[0][1:3] == ("/api/v1/series", [("match[]", "up"), ("match[]", "down"), ("end", "5.0")])


def test_series_need_a_selector(narthex, api):
    assert narthex("query", "series", api.url).status == 2


def test_label_values_are_listed(narthex, api):
    api.answers(["a", "b"])
    assert narthex("query", "labels", api.url, "job", "--match=up").out == "a\nb\n"
    assert api.asked[0][:3] == ("GET", "/api/v1/label/job/values", [("match[]", "up")])


def test_label_names_are_listed_without_a_name(narthex, api):
    api.answers(["job"])
    assert narthex("query", "labels", api.url).out == "job\n"
    assert api.asked[0][1] == "/api/v1/labels"


def test_remarks_of_the_server_go_to_standard_error(narthex, api):
    api.answers({"resultType": "vector", "result": []}, warnings=["careful"], infos=["by the way"])
    outcome = narthex("query", "instant", api.url, "up")
    assert outcome.err == "Warning: careful\nWarning: by the way\n"
    assert outcome.status == 0


def test_the_servers_error_is_one_line(narthex, api):
    api.answers(None, status=400)
    api.body = b'{"status":"error","errorType":"bad_data","error":"1:5: parse error: unclosed"}'
    outcome = narthex("query", "instant", api.url, "foo(")
    assert (outcome.status, outcome.err) == (1, "Error: bad_data: 1:5: parse error: unclosed\n")


@pytest.mark.parametrize("body", [b"<html>nginx</html>", b"[]", b"{}", b"7", b"\xff"])
def test_an_answer_of_something_else_is_told(narthex, api, body):
    api.status, api.body = 502, body
    outcome = narthex("query", "instant", api.url, "up")
    assert outcome.status == 1
    assert outcome.err == f"Error: {api.url} does not answer as Prometheus's API does (HTTP 502 Bad Gateway)\n"


def test_a_server_that_is_not_there_is_told(narthex):
    url = f"http://127.0.0.1:{free_port()}"
    outcome = narthex("query", "instant", url, "up")
    assert outcome.status == 1
    assert outcome.err.startswith(f"Error: cannot reach {url}: ")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9090", "ftp://x", "http://", "http://[::1", "http://127.0.0.1:abc", "http://127.0.0.1:0", "up"]
)
def test_what_is_no_url_is_wrong_usage(narthex, url):
    outcome = narthex("query", "instant", url, "up")
    assert outcome.status == 2
    assert "is not a URL" in outcome.err


def test_credentials_in_the_url_become_a_header_and_are_not_printed(narthex, api):
    api.answers(None)
    api.body = b"no"
    outcome = narthex("query", "instant", api.url.replace("//", "//user:p%40ss@"), "up")
    assert api.asked[0][3]["authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert "p%40ss" not in outcome.err


def test_own_headers_are_sent(narthex, api):
    api.answers([])
    narthex("query", "labels", api.url, "--header", "X-Tenant: a:b")
    assert api.asked[0][3]["x-tenant"] == "a:b"


def test_a_path_in_the_url_is_kept(narthex, api):
    api.answers([])
    narthex("query", "labels", f"{api.url}/prefix/")
    assert api.asked[0][1] == "/prefix/api/v1/labels"


@pytest.mark.parametrize(
    "arguments",
    [
        ["instant", "http://x", "up", "--time=soon"],
        ["range", "http://x", "up", "--step=0"],
        ["range", "http://x", "up", "--start=2", "--end=1"],
        ["range", "http://x", "up", "--end=inf"],
        ["labels", "http://x", "--header=nonsense"],
        ["labels", "http://x", "-o", "xml"],
    ],
)
def test_wrong_arguments_are_wrong_usage(narthex, arguments):
    assert narthex("query", *arguments).status == 2


def test_a_plan_is_printed_as_a_tree_of_nodes(narthex, api):
    leaf = {"node": "up[5m]", "series": 3, "samples": 0, "seconds": 0.001, "ownSeconds": 0.001, "children": []}
    root = {"node": "rate()", "series": 3, "samples": 6, "seconds": 0.0035, "ownSeconds": 0.0025, "children": [leaf]}
    api.answers({"steps": 2, "samples": 90, "peakSamples": 45, "plan": root})
    outcome = narthex("query", "explain", api.url, "rate(up[5m])", "--start", "0", "--end", "60", "--step", "60")
    assert outcome.out.splitlines() == [
        "     total        own    series    samples  node",
        "   3.50 ms    2.50 ms         3          6  rate()",
        "   1.00 ms    1.00 ms         3          0    up[5m]",
        "2 steps, 90 samples read, 45 held at most",
    ]
    ((_, path, form, _),) = api.asked
    assert (path, dict(form)["step"]) == ("/api/v1/query_explain", "60.0")


def test_a_plan_is_of_one_time_or_of_a_range(narthex, api):
    outcome = narthex("query", "explain", api.url, "up", "--time", "1", "--end", "2")
    assert outcome.status == 2
    assert "--time asks for one time" in outcome.err
