"""One GET: each way to fail has one sentence."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
import trustme
import yarl
from aiohttp import web
from aioresponses import aioresponses

from hn_comments import (
    BodyCompressed,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    Item,
    RedirectRefused,
    Session,
    Settings,
    URLFetcher,
    __version__,
)
from hn_comments.api.fetcher import MAX_REDIRECTS
from hn_comments.api.session import MAX_BODY, redirect_target, retry_after

from . import wire
from .support import URL, MockedResponse, answer, asking, client, mocked_fetcher, thread


async def test_requests_say_who_we_are_and_want_plain_json() -> None:
    """The API's owners can see who polls, and a compressed bomb is never unpacked."""
    seen: list[dict[str, str]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response(None)

    async with server(handle) as url, Session(Settings(api_url=url)) as session:
        await URLFetcher(session).fetch("x.json")

    assert seen[0]["User-Agent"] == f"hn-comments/{__version__}"
    assert seen[0]["Accept-Encoding"] == "identity"


@asynccontextmanager
async def server(handle: Any, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve one handler on a free port."""
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
    try:
        yield f"http{'s' if ssl_context else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError("broke off"),
        aiohttp.ClientOSError(104, "reset"),
        ConnectionResetError(104, "reset"),
        OSError(101, "unreachable"),
        # The system's own, which says nothing of our limit.
        TimeoutError(110, "timed out"),
    ],
)
async def test_broken_connections_become_one_error(mocked: aioresponses, error: Exception) -> None:
    """Callers need not know the errors of aiohttp, ssl and the kernel."""
    answer(mocked, "x.json", exception=error)

    async with mocked_fetcher(retries=0) as fetcher:
        with pytest.raises(ConnectionFailed) as caught:
            await fetcher.fetch("x.json")

    assert caught.value.__cause__ is error
    assert len(str(caught.value)) > len("x.json: ")


async def test_refused_connection_is_told_plainly() -> None:
    """The error has the address, and the system's reason."""
    async with Session(Settings(api_url="http://127.0.0.1:1/v0", retries=0)) as session:
        with pytest.raises(ConnectionFailed, match=r"cannot connect to 127\.0\.0\.1:1: [\w ]+$"):
            await URLFetcher(session).fetch("x.json")


async def test_invalid_certificate_is_final() -> None:
    """A retry would not make it valid, and nothing is sent to a stranger."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async with server(web.Response, context) as url, Session(Settings(api_url=url)) as session:
        fetcher = URLFetcher(session)
        with pytest.raises(CertificateInvalid, match=r"x\.json: .*certificate verify failed"):
            await fetcher.fetch("x.json")

    assert (fetcher.fetch_counter, fetcher.retry_counter) == (1, 0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0", 0.0),
        ("-1", None),
        ("nan", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
    ],
)
def test_retry_after_header(value: str | None, seconds: float | None) -> None:
    """Seconds or a date; anything else is ignored."""
    assert retry_after(value) == seconds


def test_retry_after_date_in_the_future() -> None:
    """A date is the seconds until then."""
    seconds = retry_after(formatdate(time.time() + 30, usegmt=True))

    assert seconds is not None
    assert 25 < seconds < 31


@pytest.mark.parametrize("chunked", [True, False])
async def test_large_body_is_refused(chunked: bool) -> None:  # noqa: FBT001
    """With or without a true Content-Length."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = MAX_BODY + 1
        await response.prepare(request)
        for _ in range(1 + (MAX_BODY >> 20)):
            await response.write(b" " * (1 << 20))
        return response

    async with server(handle) as url, Session(Settings(api_url=url)) as session:
        fetcher = URLFetcher(session)
        with pytest.raises(BodyTooLarge):
            await fetcher.fetch("x.json")

    assert fetcher.fetch_counter == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.example/v0/x.json",
        "//evil.example/v0/x.json",
        "https://evil.example/v0/x.json",
        # A port belongs to who listens there.
        "http://127.0.0.1:10/v0/x.json",
        "http://127.0.0.1/v0/x.json",
        "http://localhost:9/v0/x.json",
        "ftp://127.0.0.1:9/x",
        "http://[bad",
        "mailto:x",
        "x.json",
    ],
)
async def test_other_redirects_are_refused(mocked: aioresponses, location: str) -> None:
    """To another host, port or protocol, to nowhere, and in a circle."""
    mocked.get(
        f"{URL}/x.json",
        status=302,
        headers={"Location": location},
        response_class=MockedResponse,
        repeat=True,
    )

    async with mocked_fetcher() as fetcher:
        with pytest.raises(RedirectRefused):
            await fetcher.fetch("x.json")

    assert fetcher.fetch_counter == 1


async def test_redirects_come_to_an_end(mocked: aioresponses) -> None:
    """Also where each leads to another place."""
    for number in range(20):
        path = f"{number}.json" if number else "x.json"
        answer(mocked, path, status=302, headers={"Location": f"/v0/{number + 1}.json"})

    async with mocked_fetcher() as fetcher:
        with pytest.raises(RedirectRefused, match=f"after {MAX_REDIRECTS} others"):
            await fetcher.fetch("x.json")

    assert fetcher.fetch_counter == 1 + MAX_REDIRECTS


async def test_redirect_from_tls_to_plain_text_is_refused() -> None:
    """Nobody on the way is to read along."""
    url = yarl.URL("https://hn.example/v0/x.json")

    with pytest.raises(RedirectRefused, match="to another server"):
        redirect_target("x.json", url, "http://hn.example/v0/x.json")
    assert redirect_target("x.json", url, "/v1/x.json") == url.with_path("/v1/x.json")


async def test_redirect_to_tls_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same host, where TLS has a port of its own."""
    secure = wire.serve(wire.say(wire.http(b"7")), wire.certificate(wire.trust(monkeypatch)))
    async with secure as target:
        there = b"Location: https://127.0.0.1:%d/v0/x.json" % target.port
        async with asking(wire.say(wire.http(b"", there, status=b"301 Moved"))) as (_, fetcher):
            assert await fetcher.fetch("x.json") == 7

    assert fetcher.fetch_counter == 2


async def test_credentials_of_a_redirect_are_not_used() -> None:
    """It may lead back to the server, but nobody has given us a user or a password."""
    ports: list[int] = []

    async def answer(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        there = b"Location: http://user:hunter2@127.0.0.1:%d/v1/x.json" % ports[0]
        moved = path.startswith("/v1")
        said = wire.http(b"7") if moved else wire.http(b"", there, status=b"302 Found")
        return await wire.say(said)(path, reader, writer)

    async with asking(answer) as (server, fetcher):
        ports.append(server.port)
        assert await fetcher.fetch("x.json") == 7

    assert len(server.heads) == 2
    assert b"Authorization" not in b"".join(server.heads)


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"GZIP"])
async def test_compressed_answer_is_told_and_not_asked_for_again(coding: bytes) -> None:
    """A server that compresses although nobody asked would do it again."""
    answer = wire.http(gzip.compress(b"7"), b"Content-Encoding: " + coding)
    async with asking(wire.say(answer)) as (server, fetcher):
        with pytest.raises(BodyCompressed, match=rf"compressed \({coding.decode()}\), which"):
            await fetcher.fetch("x.json")

    assert len(server.heads) == 1


@pytest.mark.parametrize("coding", [b"identity", b"Identity", b""])
async def test_answer_that_is_not_compressed_may_say_so(coding: bytes) -> None:
    """In the word that we use, or with none."""
    answer = wire.http(b"7", b"Content-Encoding: " + coding)
    async with asking(wire.say(answer)) as (_, fetcher):
        assert await fetcher.fetch("x.json") == 7


async def test_announced_large_body_is_not_waited_for() -> None:
    """Its length says it all."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
    async with asking(wire.say(answer)) as (_, fetcher):
        with pytest.raises(BodyTooLarge):
            await fetcher.fetch("x.json")


async def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator answers as a proxy for a host that does not exist."""
    async with client(thread({1: [2]})) as (simulator, _):
        monkeypatch.setenv("http_proxy", simulator.url.removesuffix("/v0"))
        monkeypatch.delenv("no_proxy", raising=False)

        async with Session(Settings(api_url="http://hn.invalid/v0")) as session:
            assert await URLFetcher(session).fetch_item(1) == Item(id=1, type="story", kids=(2,))
