"""How many requests are in flight, and over how many connections."""

import asyncio
import random

import pytest
from yarl import URL

from hn_comments import Session, Settings, URLFetcher
from hn_comments.api.connections import begin_attempt
from hn_comments.api.room import MANY, OF_THE_LAST, Room
from hn_comments.api.session import KEPT

from . import wire
from .support import MS, asking, eventually, virtually


# An item that any path can be.
ITEM = wire.http(b"null")


async def fetch_many(fetcher: URLFetcher, items: int) -> None:
    """Fetch so many items at once; raise if one fails."""
    await asyncio.gather(*(fetcher.fetch("item/1.json") for _ in range(items)))


class Distant(Session):
    """A session whose server answers after *latency*, and so many a second at most."""

    def __init__(self, latency: float, rate: float = float("inf")) -> None:
        super().__init__(Settings(connections=1000))
        self.latency = latency
        self.rate = rate
        self.in_flight = self.max_in_flight = 0
        self._free_at = 0.0

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:  # noqa: ARG002
        now = asyncio.get_running_loop().time()
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self._free_at = max(self._free_at, now) + 1 / self.rate
        await asyncio.sleep(max(self.latency, self._free_at - now))
        self.in_flight -= 1
        return b"null"


@pytest.mark.parametrize("latency", [50 * MS, 285 * MS])
def test_requests_in_flight_grow_to_a_thousand(latency: float) -> None:
    """Where so many are allowed; seven round trips until then are all that is lost."""

    async def run() -> int:
        session = Distant(latency)
        await fetch_many(URLFetcher(session), 6000)
        return session.max_in_flight

    most, seconds = virtually(run)

    assert most == 1000
    assert seconds < (6 + 7) * latency


def test_requests_in_flight_stop_to_grow_where_more_bring_nothing() -> None:
    """A server that answers 400 a second, however many ask, is asked by few at a time."""

    async def run() -> int:
        session = Distant(50 * MS, rate=400)
        await fetch_many(URLFetcher(session), 3000)
        return session.max_in_flight

    most, seconds = virtually(run)

    # Twenty would do; two doublings show that forty and eighty are no better.
    assert most < 350
    # And still it has always something to do.
    assert seconds < 1.1 * 3000 / 400


def test_server_that_was_slow_for_a_while_is_asked_by_more_later() -> None:
    """What was found is not believed for ever."""

    async def run() -> int:
        session = Distant(285 * MS, rate=100)
        fetcher = URLFetcher(session)
        await fetch_many(fetcher, 1000)
        assert session.max_in_flight < 700
        session.rate = float("inf")
        for _ in range(10):
            await fetch_many(fetcher, 1000)
            await asyncio.sleep(1)
        return session.max_in_flight

    most, _ = virtually(run)

    assert most > 900


def test_trickle_adds_up_to_no_flood() -> None:
    """A thousand quiet polls do not allow a thousand requests at once."""

    async def run() -> int:
        session = Distant(50 * MS)
        fetcher = URLFetcher(session)
        for _ in range(1000):
            await fetch_many(fetcher, 3)
        session.latency = 3600
        flood = [asyncio.create_task(fetcher.fetch("item/1.json")) for _ in range(1000)]
        await asyncio.sleep(1)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        return session.max_in_flight

    most, _ = virtually(run)

    assert most == KEPT


async def test_connections_are_given_back_after_a_walk() -> None:
    """All but a few, which the next poll uses."""
    few = wire.Few(1000, wire.say(ITEM), wire.hang_up)
    async with asking(few) as (server, fetcher):
        await fetch_many(fetcher, 400)
        assert server.open > KEPT

        await eventually(lambda: server.open == KEPT)

        before = server.connections
        await fetch_many(fetcher, KEPT)
        assert server.connections == before


@pytest.mark.parametrize("beyond", [wire.hang_up, wire.reset_it, wire.be_silent])
@pytest.mark.parametrize("most", [2, 30])
async def test_server_that_allows_few_connections_costs_no_item(
    most: int, beyond: wire.Answer
) -> None:
    """It is noticed, and then as many are used as it allows."""
    few = wire.Few(most, wire.say(ITEM), beyond)
    # Three retries are enough where the machine is not busy.
    async with asking(few, fetch_timeout=2000 * MS, retries=6) as (_, fetcher):
        await fetch_many(fetcher, 400)
        assert few.turned_away >= MANY

        turned_away = few.turned_away
        await fetch_many(fetcher, 200)
        # Of silence it is not always seen in time that it has nothing to do with one item.
        if beyond is not wire.be_silent:
            assert few.turned_away == turned_away


async def test_server_that_stops_listening_costs_no_item() -> None:
    """New connections are refused, and the old ones serve."""
    few = wire.Few(30, wire.say(ITEM), wire.hang_up)
    async with asking(few) as (server, fetcher):
        await fetch_many(fetcher, 30)
        assert server.listener is not None
        server.listener.close()

        await fetch_many(fetcher, 400)

        assert server.open <= 30


def test_connections_that_break_at_random_are_no_limit() -> None:
    """Three in ten fail, and never so many in a row of them that it looks like one."""

    async def run() -> None:
        weather = random.Random(1)
        room = Room()
        for _ in range(10_000):
            if weather.random() < 0.3:
                assert not room.is_full(50)
            else:
                room.prove(begin_attempt())
        assert [room.is_full(50) for _ in range(OF_THE_LAST)][-1]

    virtually(run)
