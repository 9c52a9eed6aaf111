"""One GET to JSON: every kind of answer, and its cost in requests."""

import asyncio

import pytest
from aioresponses import aioresponses

from hn_comments import (
    BadStatus,
    ConnectionFailed,
    FetchError,
    FetchLimitExceeded,
    FetchTimeout,
    Item,
    NotJSON,
    RateLimited,
    Session,
    Settings,
    URLFetcher,
)
from hn_comments.tasks import stop_tasks

from .support import (
    DEADLINE,
    MS,
    MockedResponse,
    answer,
    client,
    eventually,
    front_page,
    in_virtual_time,
    mocked_fetcher,
    thread,
)


pytestmark = pytest.mark.usefixtures("impatient")


async def test_json_is_returned_and_counted() -> None:
    """A fetch is a request; the counter belongs to the fetcher, not to the session."""
    async with client(thread({1: [2]})) as (simulator, fetcher):
        other = URLFetcher(fetcher.source)

        assert await fetcher.fetch("topstories.json") == [1]
        assert await fetcher.fetch("nothing.json") is None

    assert (fetcher.fetch_counter, other.fetch_counter) == (2, 0)
    assert simulator.requests == 2


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
    """Two errors and a good answer are three requests; three errors are one that says so."""
    async with client(thread({1: [2], 2: [3]}), retries=2) as (simulator, fetcher):
        simulator.fail("item/2", fault, times=2)
        assert await fetcher.fetch_item(2) == Item(id=2, type="comment", kids=(3,), parent=1)
        assert (fetcher.fetch_counter, fetcher.retry_counter) == (3, 2)

        simulator.fail("item/2", fault)
        with pytest.raises(error, match=r"item/2\.json: .* \(3 tries\)$"):
            await fetcher.fetch_item(2)

    # Requests that aiohttp sent on its own would be seen here.
    assert simulator.requests == fetcher.fetch_counter == 6


async def test_other_client_errors_are_not_retried(mocked: aioresponses) -> None:
    """A 404 would be a 404 again."""
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


async def test_slow_answer_is_a_timeout() -> None:
    """It is retried, like any transient error."""
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
        other = URLFetcher(fetcher.source)
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

        await URLFetcher(fetcher.source).fetch_item(2)

        assert loop.time() - start > 0.5
        assert await first


async def test_server_that_goes_on_refusing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute of nothing but refusals, the error is one that ends the poll."""
    monkeypatch.setattr("hn_comments.api.fetcher.MAX_REFUSED", 500 * MS)
    async with client(thread({}), retries=0) as (simulator, fetcher):
        simulator.fail("item/1", "429")
        with pytest.raises(RateLimited, match="HTTP 429"):
            await fetcher.fetch_item(1)


@in_virtual_time
async def test_refusals_between_answers_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long one item is refused, while others are answered."""
    refused_at: list[float] = []

    async def get(_session: Session, path: str, _url: object, **_: object) -> bytes:
        await asyncio.sleep(0.1)
        if path == "item/1.json":
            refused_at.append(asyncio.get_running_loop().time())
            raise BadStatus(path, 429)
        return b"7"

    monkeypatch.setattr(Session, "get", get)
    monkeypatch.setattr("hn_comments.api.fetcher.MAX_REFUSED", 5.0)
    fetcher = URLFetcher(Session(Settings()))

    async def go_on() -> None:
        while True:
            await fetcher.fetch("item/2.json")
            await asyncio.sleep(1)

    others = asyncio.create_task(go_on())
    with pytest.raises(BadStatus, match="HTTP 429"):
        await fetcher.fetch("item/1.json")
    await stop_tasks([others])

    assert refused_at[-1] - refused_at[0] > 2 * 5


async def test_random_503s_cost_requests_only() -> None:
    """A fifth of 1,200 items, each time: all come, and nothing is held back in the end."""
    items = range(1, 1201)
    async with client(thread({1: list(items[1:])}), latency=MS, retries=10) as (simulator, fetcher):
        simulator.faults = {"503": 0.2}

        # So long only if they strangle it.
        async with asyncio.timeout(DEADLINE):
            fetched = await asyncio.gather(*(fetcher.fetch_item(item) for item in items))
            # Whether the last trial is over depends on where the items end.
            while fetcher.source.pacer.pace.trial:
                await fetcher.fetch_item(1)

        assert all(fetched)
        assert fetcher.source.pacer.pace.ceiling is None
    # One request in five is lost, and a few more are needed to end the trial.
    assert fetcher.fetch_counter < 1.5 * len(items)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1,", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000]
)
async def test_body_that_is_not_json(mocked: aioresponses, body: bytes) -> None:
    """Nor is JSON that overflows the decoder's stack."""
    answer(mocked, "x.json", body=body)

    async with mocked_fetcher(retries=0) as fetcher:
        with pytest.raises(NotJSON):
            await fetcher.fetch("x.json")


async def test_redirect_on_the_same_host_is_followed_and_counted(mocked: aioresponses) -> None:
    """Each request that is sent counts."""
    answer(mocked, "x.json", status=301, headers={"Location": "/v1/x.json"})
    mocked.get("http://127.0.0.1:9/v1/x.json", payload=7, response_class=MockedResponse)

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch("x.json") == 7

    assert fetcher.fetch_counter == 2
