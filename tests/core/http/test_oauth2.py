"""Tokens by OAuth 2: fetched, kept, fetched again."""

import pytest
from aiohttp import web
from tests.core.http.answers import answering, basic
from tests.waiting import PATIENCE

from narthex.config.http import HttpConfig, OAuth2
from narthex.config.types import Secret, Url
from narthex.http.client import make_session
from narthex.http.errors import HttpError
from narthex.testing.clock import FakeClock


async def test_an_oauth2_token_is_fetched_once_and_again_when_it_expires(serve):
    async def token(request):
        form = await request.post()
        assert (form["grant_type"], form["scope"], form["audience"]) == ("client_credentials", "a b", "x")
        assert request.headers["Authorization"] == basic("id", "secret")
        return web.json_response({"access_token": f"t{len(serve.seen)}", "token_type": "bearer", "expires_in": 60})

    base = await serve({"/token": token, "/": answering()})
    config = OAuth2(
        client_id="id",
        client_secret=Secret("secret"),
        scopes=("a", "b"),
        token_url=Url(f"{base}/token"),
        endpoint_params={"audience": "x"},
    )
    clock = FakeClock()
    one = make_session(HttpConfig(oauth2=config), clock)
    try:
        for _ in range(2):
            await one.request("GET", f"{base}/", seconds=PATIENCE)
        await clock.advance(51)
        await one.request("GET", f"{base}/", seconds=PATIENCE)
    finally:
        await one.close()
    assert [request.path for request in serve.seen] == ["/token", "/", "/", "/token", "/"]
    assert [r.headers["Authorization"] for r in serve.seen if r.path == "/"] == ["Bearer t1", "Bearer t1", "Bearer t4"]


async def test_a_token_endpoint_may_want_the_client_in_the_form(serve, client):
    async def token(request):
        form = await request.post()
        if "client_id" not in form:
            return web.Response(status=401)
        return web.json_response({"access_token": f"{form['client_id']}-{form['client_secret']}"})

    base = await serve({"/token": token, "/": answering()})
    config = OAuth2(client_id="id", client_secret=Secret("s"), token_url=Url(f"{base}/token"))
    await client(HttpConfig(oauth2=config)).request("GET", f"{base}/", seconds=PATIENCE)
    assert serve.seen[-1].headers["Authorization"] == "Bearer id-s"


@pytest.mark.parametrize("answer", ["no json", "[]", "{}"])
async def test_no_token_is_an_http_error(serve, client, answer):
    base = await serve({"/token": answering(answer), "/": answering()})
    config = OAuth2(client_id="id", token_url=Url(f"{base}/token"))
    with pytest.raises(HttpError, match="no token"):
        await client(HttpConfig(oauth2=config)).request("GET", f"{base}/", seconds=PATIENCE)


async def test_a_grant_that_is_not_implemented_says_so():
    config = OAuth2(client_id="id", grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer")
    with pytest.raises(HttpError, match="not implemented"):
        make_session(HttpConfig(oauth2=config), FakeClock())
