"""One GET to JSON: every answer there can be, and what each costs."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from aioresponses import aioresponses

from hn_comments import (
    BadProxy,
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchError,
    FetchLimitExceeded,
    FetchTimeout,
    Item,
    MalformedItem,
    NotJSON,
    RateLimited,
    RedirectRefused,
    Session,
    Settings,
    URLFetcher,
)
from hn_comments.addresses import proxy_for
from hn_comments.session import MAX_BODY, retry_after

from .support import MS, MockedResponse, client, eventually, front_page, thread


URL = "http://127.0.0.1:9/v0"


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    with aioresponses() as mock:
        yield mock


@asynccontextmanager
async def mocked_fetcher(**settings: Any) -> AsyncIterator[URLFetcher]:
    async with Session(Settings(api_url=URL, **settings)) as session:
        yield URLFetcher(session)


def answer(mock: aioresponses, path: str, **kwargs: Any) -> None:
    mock.get(f"{URL}/{path}", response_class=MockedResponse, **kwargs)


async def test_json_is_returned_and_counted() -> None:
    """A fetch is a request; the counter belongs to the fetcher, not to the session."""
    async with client(thread({1: [2]})) as (simulator, fetcher):
        other = URLFetcher(fetcher.session)

        assert await fetcher.fetch("topstories.json") == [1]
        assert await fetcher.fetch("nothing.json") is None

    assert (fetcher.fetch_counter, other.fetch_counter) == (2, 0)
    assert simulator.requests == 2


async def test_requests_say_who_we_are_and_want_plain_json() -> None:
    """The API's owners can see who polls, and a compressed bomb is never unpacked."""
    seen: list[dict[str, str]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response(None)

    async with server(handle) as url, Session(Settings(api_url=url)) as session:
        await URLFetcher(session).fetch("x.json")

    assert seen[0]["User-Agent"] == "hn-comments/0.1.0"
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
    ("fault", "error"),
    [
        ("500", BadStatus),
        ("503", BadStatus),
        ("401", BadStatus),
        ("drop", ConnectionFailed),
        ("truncated", ConnectionFailed),
        ("garbage", NotJSON),
    ],
)
async def test_transient_errors_are_retried(fault: str, error: type[FetchError]) -> None:
    """Twice wrong, then right: three requests. For ever wrong: an error that says how often."""
    async with client(thread({1: [2], 2: [3]}), retries=2) as (simulator, fetcher):
        simulator.fail("item/2", fault, times=2)
        assert await fetcher.fetch_item(2) == Item(id=2, type="comment", kids=(3,), parent=1)
        assert (fetcher.fetch_counter, fetcher.retry_counter) == (3, 2)

        simulator.fail("item/2", fault)
        with pytest.raises(error, match=r"item/2\.json: .* \(3 tries\)$"):
            await fetcher.fetch_item(2)

    # What aiohttp might send on its own would be seen here.
    assert simulator.requests == fetcher.fetch_counter == 6


async def test_other_client_errors_are_not_retried(mocked: aioresponses) -> None:
    """A 404 would be one again."""
    answer(mocked, "item/1.json", status=404)

    async with mocked_fetcher() as fetcher:
        with pytest.raises(BadStatus, match=r"^item/1\.json: HTTP 404$"):
            await fetcher.fetch_item(1)

    assert fetcher.fetch_counter == 1


async def test_401_on_a_list_is_not_retried(mocked: aioresponses) -> None:
    """Only items have been seen to recover from that."""
    answer(mocked, "topstories.json", status=401)

    async with mocked_fetcher() as fetcher:
        with pytest.raises(BadStatus):
            await fetcher.fetch("topstories.json")

    assert fetcher.fetch_counter == 1


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError("broke off"),
        aiohttp.ClientOSError(104, "reset"),
        ConnectionResetError(104, "reset"),
        OSError(101, "unreachable"),
    ],
)
async def test_broken_connections_become_one_error(mocked: aioresponses, error: Exception) -> None:
    """Callers need not know what aiohttp, ssl and the kernel each call it."""
    answer(mocked, "x.json", exception=error)

    async with mocked_fetcher(retries=0) as fetcher:
        with pytest.raises(ConnectionFailed) as caught:
            await fetcher.fetch("x.json")

    assert caught.value.__cause__ is error
    assert len(str(caught.value)) > len("x.json: ")


async def test_refused_connection_is_told_plainly() -> None:
    """Where we tried to connect, and what the system said."""
    async with Session(Settings(api_url="http://127.0.0.1:1/v0", retries=0)) as session:
        with pytest.raises(ConnectionFailed, match=r"cannot connect to 127\.0\.0\.1:1: \w+"):
            await URLFetcher(session).fetch("x.json")


async def test_invalid_certificate_is_final() -> None:
    """Another try would not make it valid, and nothing is sent to who knows whom."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async with server(web.Response, context) as url, Session(Settings(api_url=url)) as session:
        fetcher = URLFetcher(session)
        with pytest.raises(CertificateInvalid, match=r"x\.json: .*certificate verify failed"):
            await fetcher.fetch("x.json")

    assert (fetcher.fetch_counter, fetcher.retry_counter) == (1, 0)


async def test_slow_answer_is_a_timeout() -> None:
    """No answer within the fetch timeout; retried, like any hiccup."""
    async with client(thread({}), retries=1, fetch_timeout=50 * MS) as (simulator, fetcher):
        simulator.fail("item/1", "hang", times=1)
        assert await fetcher.fetch_item(1) == Item(id=1, type="story")

        simulator.fail("item/1", "hang")
        with pytest.raises(FetchTimeout):
            await fetcher.fetch_item(1)
        await eventually(lambda: simulator.in_flight == 0)

    assert fetcher.fetch_counter == 4


async def test_connections_bound_the_requests_in_flight() -> None:
    """Over all fetchers of a session."""
    async with client(front_page(30), latency=5 * MS, connections=3) as (simulator, fetcher):
        other = URLFetcher(fetcher.session)
        await asyncio.gather(*(f.fetch("maxitem.json") for f in [fetcher, other] * 10))

    assert simulator.max_in_flight == 3


async def test_budget_is_kept_before_anything_is_sent() -> None:
    """Retries count too."""
    async with client(thread({}), max_fetches=2) as (simulator, fetcher):
        simulator.fail("item/1", "500")
        with pytest.raises(FetchLimitExceeded):
            await fetcher.fetch_item(1)

    assert simulator.requests == 2


async def test_retry_after_pauses_all_requests() -> None:
    """One 429 with Retry-After: 1, and for a second the server hears nothing."""
    async with client(thread({1: [2]})) as (simulator, fetcher):
        simulator.fail("item/1", "429", times=1)
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(fetcher.fetch_item(1))
        await eventually(lambda: simulator.requests == 1)
        await asyncio.sleep(50 * MS)
        start = loop.time()

        await URLFetcher(fetcher.session).fetch_item(2)

        assert loop.time() - start > 0.5
        assert await first


async def test_server_that_goes_on_refusing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute of nothing but refusals, the error ends more than this request."""
    monkeypatch.setattr("hn_comments.fetcher.MAX_REFUSED", 500 * MS)
    async with client(thread({}), retries=0) as (simulator, fetcher):
        simulator.fail("item/1", "429")
        with pytest.raises(RateLimited, match="HTTP 429"):
            await fetcher.fetch_item(1)


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
    """A date is as many seconds as it is away."""
    seconds = retry_after(formatdate(time.time() + 30, usegmt=True))

    assert seconds is not None
    assert 25 < seconds < 31


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1,", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000]
)
async def test_body_that_is_not_json(mocked: aioresponses, body: bytes) -> None:
    """Also what would overflow the decoder's stack, or take it for ever."""
    answer(mocked, "x.json", body=body)

    async with mocked_fetcher(retries=0) as fetcher:
        with pytest.raises(NotJSON):
            await fetcher.fetch("x.json")


@pytest.mark.parametrize("chunked", [True, False])
async def test_large_body_is_refused(chunked: bool) -> None:  # noqa: FBT001
    """With or without a Content-Length that admits it."""

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


async def test_redirect_on_the_same_host_is_followed_and_counted(mocked: aioresponses) -> None:
    """Each request sent counts, whatever the reason for it."""
    answer(mocked, "x.json", status=301, headers={"Location": "/v1/x.json"})
    mocked.get("http://127.0.0.1:9/v1/x.json", payload=7, response_class=MockedResponse)

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch("x.json") == 7

    assert fetcher.fetch_counter == 2


@pytest.mark.parametrize(
    "location", ["http://evil.example/v0/x.json", "ftp://127.0.0.1/x", "http://[bad", "x.json"]
)
async def test_other_redirects_are_refused(mocked: aioresponses, location: str) -> None:
    """Another host, another protocol, nonsense, and a loop."""
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

    assert fetcher.fetch_counter <= 3


@pytest.mark.parametrize(
    "value",
    [
        7,
        "item",
        [1],
        {},
        {"id": 2},
        {"id": "1"},
        {"id": 1, "kids": None},
        {"id": 1, "kids": {"0": 2}},
        {"id": 1, "kids": [0]},
        {"id": 1, "kids": [-2]},
        {"id": 1, "kids": ["2"]},
        {"id": 1, "kids": [True]},
        {"id": 1, "kids": [2.0]},
        {"id": 1, "kids": [2**63]},
        {"id": 1, "kids": [None]},
    ],
)
async def test_malformed_items(mocked: aioresponses, value: object) -> None:
    """What breaks the API's rules is never followed, nor asked for again."""
    answer(mocked, "item/1.json", payload=value)

    async with mocked_fetcher() as fetcher:
        with pytest.raises(MalformedItem, match=r"^item/1\.json: "):
            await fetcher.fetch_item(1)

    assert fetcher.fetch_counter == 1


async def test_other_fields_are_checked_too(mocked: aioresponses) -> None:
    """A title that is no text is no title; the count does not depend on it."""
    answer(
        mocked,
        "item/1.json",
        payload={"id": 1, "title": 7, "by": None, "score": "9", "descendants": True, "dead": 1},
    )

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch_item(1) == Item(id=1)


async def test_item_keeps_what_is_used(mocked: aioresponses) -> None:
    """All fields that a report shows."""
    fields = {
        "id": 8863,
        "kids": [9224, 8917],
        "by": "dhouston",
        "title": "My YC app: Dropbox",
        "url": "http://www.getdropbox.com/u/2/screencast.html",
        "score": 111,
        "descendants": 71,
        "time": 1175714200,
        "type": "story",
        "text": "<p>Hello",
    }
    answer(mocked, "item/8863.json", payload={**fields, "unknown": 1})

    async with mocked_fetcher() as fetcher:
        item = await fetcher.fetch_item(8863)

    assert item == Item(**{**fields, "kids": (9224, 8917)})  # type: ignore[arg-type]


def test_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY for https, NO_PROXY for exceptions."""
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("no_proxy", "internal.example")

    assert proxy_for("https://hn.example/v0") == "http://proxy.example:3128"
    assert proxy_for("https://internal.example/v0") is None
    assert proxy_for("http://hn.example/v0") is None


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://[bad", "http://"])
def test_unusable_proxy_is_refused(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than spoken to in a protocol that it does not know."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)

    with pytest.raises(BadProxy):
        proxy_for("https://hn.example/v0")


async def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator answers as a proxy for a host that does not exist."""
    async with client(thread({1: [2]})) as (simulator, _):
        monkeypatch.setenv("http_proxy", simulator.url.removesuffix("/v0"))
        monkeypatch.delenv("no_proxy", raising=False)

        async with Session(Settings(api_url="http://hn.invalid/v0")) as session:
            assert await URLFetcher(session).fetch_item(1) == Item(id=1, type="story", kids=(2,))
