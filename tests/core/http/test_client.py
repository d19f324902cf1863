import asyncio
import gzip

import pytest
from aiohttp import web
from tests.core.http.answers import PLAIN, answering, basic, redirecting
from tests.e2e.servers import free_port
from tests.waiting import PATIENCE
from yarl import URL

from narthex.config.http import Authorization, BasicAuth, HttpConfig, HttpHeader, ProxyConfig
from narthex.config.types import FilePath, Secret, Url
from narthex.http.body import unpack
from narthex.http.errors import BodyLimitError, HttpError
from narthex.http.proxy import Proxy


async def test_an_answer_has_status_headers_and_body(serve, client):
    base = await serve({"/a": answering("hello", status=418)})
    answer = await client(PLAIN).request("GET", f"{base}/a", seconds=PATIENCE)
    assert (answer.status, answer.body) == (418, b"hello")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_no_connection_is_an_http_error(client):
    nobody = free_port()
    with pytest.raises(HttpError, match=str(nobody)):
        await client(PLAIN).request("GET", f"http://127.0.0.1:{nobody}/", seconds=PATIENCE)


@pytest.mark.parametrize("url", ["http://[::1", "http://", "gopher://127.0.0.1/"])
async def test_an_address_that_cannot_be_used_is_an_http_error(client, url):
    with pytest.raises(HttpError):
        await client(PLAIN).request("GET", url, seconds=PATIENCE)


async def test_the_deadline_covers_the_body(serve, client):
    stuck = asyncio.Event()

    async def handle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin")
        await stuck.wait()
        return response

    base = await serve({"/": handle})
    with pytest.raises(HttpError, match="context deadline exceeded"):
        await client(PLAIN).request("GET", f"{base}/", seconds=0.3)
    stuck.set()


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "header"),
    [
        (HttpConfig(basic_auth=BasicAuth(username="u", password=Secret("pä"))), basic("u", "pä")),
        (HttpConfig(authorization=Authorization(credentials=Secret("t"))), "Bearer t"),
        (HttpConfig(authorization=Authorization(type="Token", credentials=Secret("t"))), "Token t"),
        (HttpConfig(bearer_token=Secret("t")), "Bearer t"),
    ],
)
async def test_credentials_stand_in_the_authorization_header(serve, client, config, header):
    base = await serve({"/": answering()})
    await client(config).request("GET", f"{base}/", seconds=PATIENCE)
    assert serve.seen[0].headers["Authorization"] == header


async def test_secret_files_are_read_for_every_request(serve, client, tmp_path):
    secret, header = tmp_path / "secret", tmp_path / "header"
    config = HttpConfig(
        basic_auth=BasicAuth(username="u", password_file=FilePath(secret)),
        http_headers={"X-Key": HttpHeader(values=("one",), secrets=(Secret("two"),), files=(FilePath(header),))},
    )
    base = await serve({"/": answering()})
    one = client(config)
    for turn in ("first", "second"):
        secret.write_text(f"{turn}\n")
        header.write_text(f" {turn} ")
        await one.request("GET", f"{base}/", seconds=PATIENCE)
        assert serve.seen[-1].headers["Authorization"] == basic("u", turn)
        assert serve.seen[-1].headers.getall("X-Key") == ["one", "two", turn]
    secret.unlink()
    with pytest.raises(HttpError, match="secret"):
        await one.request("GET", f"{base}/", seconds=PATIENCE)


async def test_a_given_authorization_header_is_kept(serve, client):
    base = await serve({"/": answering()})
    config = HttpConfig(bearer_token=Secret("t"))
    await client(config).request("GET", f"{base}/", seconds=PATIENCE, headers={"Authorization": "mine"})
    assert serve.seen[0].headers.getall("Authorization") == ["mine"]


# --- redirects --------------------------------------------------------------------------------------------------------


async def test_redirects_are_followed_with_credentials_on_the_same_host(serve, client):
    base = await serve({"/a": redirecting("/b"), "/b": answering("there")})
    answer = await client(HttpConfig(bearer_token=Secret("t"))).request("GET", f"{base}/a", seconds=PATIENCE)
    assert answer.body == b"there"
    assert serve.seen[1].headers["Authorization"] == "Bearer t"


async def test_credentials_are_gone_for_the_rest_of_a_chain_that_left_the_host(serve, client):
    routes = {"/c": answering("back")}
    home = await serve(routes)
    other = await serve({"/b": redirecting(f"{home}/c")}, host="localhost")
    routes["/a"] = redirecting(f"{other}/b")
    config = HttpConfig(bearer_token=Secret("t"), http_headers={"X-Key": HttpHeader(values=("k",))})
    answer = await client(config).request("GET", f"{home}/a", seconds=PATIENCE, headers={"Accept": "x"})
    assert answer.body == b"back"
    first, second, third = serve.seen
    assert first.headers["Authorization"] == "Bearer t"
    for request in (second, third):
        assert "Authorization" not in request.headers
        assert "X-Key" not in request.headers
        assert request.headers["Accept"] == "x"


async def test_redirects_can_be_off(serve, client):
    base = await serve({"/a": redirecting("/b")})
    answer = await client(HttpConfig(follow_redirects=False)).request("GET", f"{base}/a", seconds=PATIENCE)
    assert answer.status == 302


async def test_endless_redirects_stop(serve, client):
    base = await serve({"/a": redirecting("/a")})
    with pytest.raises(HttpError, match="10 redirects"):
        await client(PLAIN).request("GET", f"{base}/a", seconds=PATIENCE)


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", b""), (307, "POST", b"data")])
async def test_the_status_decides_whether_a_redirected_post_stays_one(serve, client, status, method, body):
    seen = []

    async def record(request):
        seen.append((request.method, await request.read()))
        return web.Response()

    base = await serve({"/a": redirecting("/b", status), "/b": record})
    await client(PLAIN).request("POST", f"{base}/a", seconds=PATIENCE, data=b"data")
    assert seen == [(method, body)]


# --- bodies -----------------------------------------------------------------------------------------------------------


async def test_gzip_bodies_are_unpacked(serve, client):
    packed = gzip.compress(b"a 1\n" * 1000) + gzip.compress(b"end")

    async def handle(_request):
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    base = await serve({"/": handle})
    answer = await client(PLAIN).request("GET", f"{base}/", seconds=PATIENCE)
    assert answer.body == b"a 1\n" * 1000 + b"end"


@pytest.mark.parametrize("broken", [b"no gzip", gzip.compress(b"x" * 100)[:-9], gzip.compress(b"x") + b"rest"])
def test_a_broken_gzip_body_is_an_http_error(broken):
    with pytest.raises(HttpError):
        unpack(broken, 0)


def test_unpacking_a_bomb_stops_at_the_limit():
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(BodyLimitError):
        unpack(bomb, 1000)


async def test_an_encoding_nobody_asked_for_is_an_http_error(serve, client):
    base = await serve({"/": answering(headers={"Content-Encoding": "br"})})
    with pytest.raises(HttpError, match="br"):
        await client(PLAIN).request("GET", f"{base}/", seconds=PATIENCE)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("limit", "fails"), [(1000, True), (1001, False), (10, True), (0, False)])
async def test_the_limit_is_on_unpacked_bytes_and_must_not_be_reached(serve, client, packed, chunked, limit, fails):
    async def handle(request):
        body = gzip.compress(b"x" * 1000) if packed else b"x" * 1000
        response = web.Response(body=body, headers={"Content-Encoding": "gzip"} if packed else {})
        if chunked:
            response.enable_chunked_encoding()
        return response

    base = await serve({"/": handle})
    one = client(PLAIN)
    if fails:
        with pytest.raises(BodyLimitError):
            await one.request("GET", f"{base}/", seconds=PATIENCE, limit=limit)
    else:
        assert len((await one.request("GET", f"{base}/", seconds=PATIENCE, limit=limit)).body) == 1000


# --- other ways -------------------------------------------------------------------------------------------------------


async def test_a_unix_socket_takes_the_place_of_the_host(client, tmp_path):
    path = str(tmp_path / "s")
    app = web.Application()
    app.router.add_get("/metrics", answering("local"))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    try:
        one = client(PLAIN)
        answer = await one.request("GET", "http://localhost/metrics", seconds=PATIENCE, unix_socket=path)
    finally:
        await one.close()
        await runner.cleanup()
    assert answer.body == b"local"


async def test_the_environment_names_a_proxy_only_where_asked(serve, client, monkeypatch):
    base = await serve({"/": answering("direct")})
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await client(PLAIN).request("GET", f"{base}/", seconds=PATIENCE)).body == b"direct"
    with pytest.raises(HttpError):
        await client(HttpConfig(proxy=ProxyConfig(proxy_from_environment=True))).request(
            "GET", f"{base}/", seconds=PATIENCE
        )


async def test_a_configured_proxy_gets_the_request(serve, client):
    async def handle(request):
        return web.Response(text=f"for {request.raw_path}")

    proxy = await serve({"/x": handle})
    config = HttpConfig(proxy=ProxyConfig(proxy_url=Url(proxy)))
    answer = await client(config).request("GET", "http://target.invalid/x", seconds=PATIENCE)
    assert answer.body == b"for http://target.invalid/x"


@pytest.mark.parametrize(
    ("rule", "url", "exempt"),
    [
        ("*", "http://a", True),
        ("example.org", "http://example.org/", True),
        ("example.org", "http://sub.example.org/", True),
        ("example.org", "http://badexample.org/", False),
        (".example.org", "http://example.org/", False),
        (".example.org", "http://sub.example.org/", True),
        ("example.org:81", "http://example.org/", False),
        ("example.org:80", "http://example.org/", True),
        ("10.0.0.0/8", "http://10.1.2.3:9100/", True),
        ("10.0.0.0/8", "http://example.org/", False),
    ],
)
def test_hosts_that_need_no_proxy(rule, url, exempt):
    proxy = Proxy(ProxyConfig(proxy_url=Url("http://p:1"), no_proxy=f"other, {rule}"))
    assert (proxy.of(URL(url)) is None) is exempt
