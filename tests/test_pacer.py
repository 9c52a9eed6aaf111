"""
The queue for requests, in virtual time: an hour below a limit takes a second to test.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from hn_comments import (
    BadStatus,
    FetchLimitExceeded,
    RateLimited,
    Session,
    Settings,
    URLFetcher,
)
from hn_comments.api.pacer import Pacer
from hn_comments.api.session import retry_after
from hn_comments.simulator.limit import Limit

from .support import MS, virtually


LATENCY = 50 * MS


class Server(Session):
    """A session whose server is a limit and a latency; it notes when requests were sent."""

    def __init__(self, limit: Callable[[], Limit] | None = None, **chosen: Any) -> None:
        super().__init__(Settings(**chosen))
        self.limit = limit() if limit else None
        self.random = random.Random(1)
        self.sent: list[float] = []
        self.refused: list[float] = []
        self.in_flight = self.max_in_flight = 0

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:  # noqa: ARG002
        clock = asyncio.get_running_loop().time
        self.sent.append(clock())
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await asyncio.sleep(LATENCY * self.random.uniform(0.8, 1.2))
        finally:
            self.in_flight -= 1
        wait = self.limit.take() if self.limit else 0.0
        if wait and self.limit:
            self.refused.append(clock())
            value = self.limit.headers(wait).get("Retry-After")
            raise BadStatus(path, self.limit.status, retry_after(value))
        return b"null"


async def walk(session: Session, items: int, *, failing: bool = False) -> URLFetcher:
    """Fetch so many items; some of them may fail in spite of retries if *failing*."""
    fetcher = URLFetcher(session)
    fetches = (fetcher.fetch("item/1.json") for _ in range(items))
    await asyncio.gather(*fetches, return_exceptions=failing)
    return fetcher


def limit(rate: float, **given: Any) -> Callable[[], Limit]:
    """Return a limit on the clock of the running loop."""
    return lambda: Limit(rate, clock=asyncio.get_running_loop().time, **given)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_any_event_loop_will_do(loop: str) -> None:
    """In real time: the timers of loops differ."""
    factory = pytest.importorskip(loop).new_event_loop

    async def walk_below_a_limit() -> URLFetcher:
        return await walk(Server(limit(300, burst=30)), 150)

    with asyncio.Runner(loop_factory=factory) as runner:
        fetcher = runner.run(walk_below_a_limit())

    assert fetcher.refused_counter > 0
    assert fetcher.fetch_counter == 150 + fetcher.refused_counter


@pytest.mark.parametrize(
    ("rate", "given"),
    [
        (20, {"retry_after": "none"}),
        (20, {"retry_after": "right"}),
        (50, {"retry_after": "0", "burst": 5}),
        (50, {"retry_after": "none", "status": 503}),
        (100, {"retry_after": "none", "status": 420, "window": 1.0}),
        (1200, {"retry_after": "right", "window": 60.0}),
        (1200, {"retry_after": "none", "window": 60.0}),
        pytest.param(600, {"retry_after": "none", "window": 60.0}, marks=pytest.mark.long),
        pytest.param(300, {"retry_after": "right"}, marks=pytest.mark.long),
    ],
)
def test_walk_ends_exact_at_the_rate_that_is_allowed(rate: float, given: dict[str, Any]) -> None:
    """Every item comes, at 0.8 of the rate or more, with at most one request in twenty refused."""
    per_second = rate / given.get("window", 1.0)
    # Thousands of items: a hundred are in flight when a server first refuses.
    items = int(max(2000, 30 * per_second, max(5 * rate, 4800) if "window" in given else 0))

    async def run() -> URLFetcher:
        return await walk(Server(limit(rate, **given), connections=100), items)

    fetcher, seconds = virtually(run)

    assert items / seconds > 0.8 * per_second
    assert fetcher.fetch_counter - items < 0.05 * fetcher.fetch_counter
    if given.get("status") != 503:
        assert fetcher.refused_counter == fetcher.fetch_counter - items


def test_limit_that_halves_and_recovers_is_followed() -> None:
    """Down within seconds, and up again."""

    async def run() -> tuple[Server, float]:
        server = Server(limit(50, retry_after="none"))
        assert server.limit is not None
        walking = asyncio.create_task(walk(server, 4000))
        for rate in (25, 50):
            await asyncio.sleep(30)
            server.limit.rate = rate
        fetcher = await walking
        return server, fetcher.fetch_counter

    (server, fetches), seconds = virtually(run)

    assert 0.8 * (30 * 50 + 30 * 25 + (seconds - 60) * 50) < 4000
    assert len(server.refused) < 0.05 * fetches


def test_two_programs_share_a_limit() -> None:
    """Neither starves, and together they use all of it."""

    async def run() -> tuple[float, float]:
        first = Server(limit(50, retry_after="none"))
        second = Server(lambda: first.limit)  # type: ignore[arg-type, return-value]
        clock = asyncio.get_running_loop().time

        async def timed(server: Server) -> float:
            await walk(server, 1000)
            return clock()

        return await asyncio.gather(timed(first), timed(second))

    ends, seconds = virtually(run)

    assert 2000 / seconds > 0.8 * 50
    assert min(ends) > 0.5 * max(ends)


def test_without_refusals_nothing_is_held_back() -> None:
    """In flight from ten, doubling with each round trip, up to the limit."""

    async def run() -> Server:
        server = Server(connections=100)
        await walk(server, 2000)
        return server

    server, seconds = virtually(run)

    assert server.max_in_flight == 100
    assert sum(sent == 0 for sent in server.sent) == 10
    # 20 rounds of a hundred, and some for the start.
    assert seconds < 26 * LATENCY


def test_one_refusal_among_many_answers_is_weather() -> None:
    """The request is sent again, and nothing slows down."""

    class Once(Server):
        async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
            answer = await super().get(path, url, soon=soon)
            if len(self.sent) == 500:
                raise BadStatus(path, 429)
            return answer

    async def run() -> int:
        server = Once(connections=100)
        return (await walk(server, 2000)).refused_counter

    refused, seconds = virtually(run)

    assert refused == 1
    assert seconds < 30 * LATENCY


def test_retry_after_pauses_all_requests_even_the_last_one() -> None:
    """Also with --retries 0, and for a minute at most; then not all leave at once."""

    class Paused(Server):
        async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
            answer = await super().get(path, url, soon=soon)
            if len(self.sent) == 200:
                raise BadStatus(path, 429, 1e9)
            return answer

    async def run() -> Server:
        server = Paused(retries=0)
        await walk(server, 1000)
        return server

    server, _ = virtually(run)

    (gap, before, after) = max(
        (after - before, before, after)
        for before, after in zip(server.sent, server.sent[1:], strict=False)
    )
    assert 59.9 < gap < 60.1
    assert server.sent[199] <= before + LATENCY
    assert sum(after <= sent < after + LATENCY / 2 for sent in server.sent) <= 10


def test_minute_of_nothing_but_refusals_ends_the_poll() -> None:
    """The server gets some twenty requests in that minute, not thousands."""

    async def run() -> Server:
        server = Server(limit(1, burst=0.0, window=1e9, retry_after="none"))
        fetcher = URLFetcher(server)
        await fetcher.fetch("topstories.json")
        with pytest.raises(RateLimited):
            await asyncio.gather(*(fetcher.fetch("item/1.json") for _ in range(500)))
        return server

    server, seconds = virtually(run)

    assert 60 <= seconds < 75
    assert len(server.sent) < 100


def test_item_that_alone_is_refused_costs_itself_only() -> None:
    """While others are answered, the item is refused a few times, and then it is an error."""

    class Spiteful(Server):
        async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
            answer = await super().get(path, url, soon=soon)
            if path == "item/666.json":
                raise BadStatus(path, 429)
            return answer

    async def run() -> URLFetcher:
        fetcher = URLFetcher(Spiteful())

        async def others() -> None:
            while True:
                await fetcher.fetch("item/1.json")
                await asyncio.sleep(1)

        other = asyncio.create_task(others())
        with pytest.raises(BadStatus, match="429"):
            await fetcher.fetch("item/666.json")
        other.cancel()
        return fetcher

    fetcher, _ = virtually(run)

    assert fetcher.refused_counter == 21


def test_budget_ends_those_who_wait_for_their_turn_at_once() -> None:
    """A thousand requests that wait at five a second do not wait for minutes to end."""

    async def run() -> None:
        server = Server(limit(5, retry_after="none"))
        await walk(server, 100)
        fetcher = URLFetcher(server, max_fetches=10)
        start = asyncio.get_running_loop().time()
        outcomes = await asyncio.gather(
            *(fetcher.fetch("item/1.json") for _ in range(1000)), return_exceptions=True
        )
        assert sum(isinstance(outcome, FetchLimitExceeded) for outcome in outcomes) >= 990
        assert asyncio.get_running_loop().time() - start < 10

    virtually(run)


def test_curve_stands_still_while_nobody_wants_to_send() -> None:
    """After an hour's sleep, not a hundred requests leave at once."""

    async def run() -> tuple[Server, float]:
        server = Server(limit(20, retry_after="none"))
        await walk(server, 600)
        await asyncio.sleep(3600)
        start = asyncio.get_running_loop().time()
        await walk(server, 200)
        return server, start

    (server, start), _ = virtually(run)

    assert sum(start <= sent < start + 2 for sent in server.sent) < 2 * 25


async def begin_trial(pacer: Pacer) -> None:
    """Refuse two requests and accept a third: a trial at full speed."""
    for accepted in (False, False, True):
        sent_at = await pacer.enter()
        if accepted:
            pacer.accept(sent_at)
        else:
            pacer.refuse(sent_at, None, asked=True)
        pacer.leave(sent=True)
    assert pacer.pace.trial
    assert pacer.pace.rate(sent_at) is None


@pytest.mark.parametrize(("seconds", "passed", "left"), [(3, 5, 2), (8, 5, 0)])
def test_pause_goes_on_while_nobody_wants_to_send(
    seconds: float, passed: float, left: float
) -> None:
    """After three of five seconds, two are left; the pace's clock stands still only after five."""

    async def run() -> tuple[float, float]:
        pacer, clock = Pacer(3), asyncio.get_running_loop().time
        await begin_trial(pacer)
        sent_at = await pacer.enter()
        pacer.refuse(sent_at, 5.0, asked=True)
        pacer.leave(sent=True)
        await asyncio.sleep(seconds)
        start = clock()
        return await pacer.enter() - sent_at, clock() - start

    (counted, waited), _ = virtually(run)

    assert counted == pytest.approx(passed, abs=0.1)
    assert waited == pytest.approx(left, abs=0.1)


def test_clock_goes_on_while_a_request_is_under_way() -> None:
    """It stands still only in between."""

    async def run() -> list[float]:
        pacer, times = Pacer(3), []
        for _ in range(3):
            times.append(await pacer.enter())
            await asyncio.sleep(5)
            pacer.leave(sent=True)
            await asyncio.sleep(100)
        return times

    times, _ = virtually(run)

    assert [time - times[0] for time in times] == pytest.approx([0, 5, 10])


def test_after_a_pause_one_request_leaves_and_then_two() -> None:
    """Although the trial is at full speed: each answer allows one more."""

    async def run() -> list[int]:
        pacer, clock = Pacer(100), asyncio.get_running_loop().time
        await begin_trial(pacer)
        pacer.refuse(await pacer.enter(), 1.0, asked=True)
        pacer.leave(sent=True)
        sent: list[float] = []

        async def use() -> None:
            sent_at = await pacer.enter()
            sent.append(clock())
            await asyncio.sleep(LATENCY)
            pacer.accept(sent_at)
            pacer.leave(sent=True)

        await asyncio.gather(*(use() for _ in range(7)))
        return [sum(abs(at - first) < LATENCY / 2 for at in sent) for first in sorted({*sent})]

    together, _ = virtually(run)

    assert together[0] == 1
    assert together[1] == 2


def test_silence_goes_on_while_nobody_wants_to_send() -> None:
    """A server that was down in the night is as good as new in the morning."""

    async def run() -> Pacer:
        pacer = Pacer(3)
        for _ in range(2):
            sent_at = await pacer.enter()
            pacer.refuse(sent_at, None, asked=True)
            pacer.leave(sent=True)
        assert pacer.pace.silent
        await asyncio.sleep(3600)
        pacer.accept(await pacer.enter())
        pacer.leave(sent=True)
        return pacer

    pacer, _ = virtually(run)

    assert not pacer.pace.trial


def test_requests_after_a_minute_of_pause_do_not_end_the_poll() -> None:
    """If ten left at once, nine would be refused, and nothing but refusals came for a minute."""

    async def run() -> URLFetcher:
        return await walk(Server(limit(5, burst=1, retry_after="absurd")), 30)

    fetcher, _ = virtually(run)

    assert fetcher.fetch_counter >= 30


class Weather(Server):
    """A server that fails at random, a share of all with each status; no limit unless given."""

    def __init__(
        self,
        *shares: tuple[int, float],
        limit: Callable[[], Limit] | None = None,
        first: BadStatus | None = None,
    ) -> None:
        super().__init__(limit)
        self.shares = shares
        self.first = first

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
        answer = await super().get(path, url, soon=soon)
        if self.first is not None and len(self.sent) > 200:
            error, self.first = self.first, None
            raise error
        for status, share in self.shares:
            if self.random.random() < share:
                raise BadStatus(path, status)
        return answer


def walk_in(
    items: int, *shares: tuple[int, float], first: BadStatus | None = None
) -> tuple[int, float]:
    """Return how many requests a walk costs in some weather, and how long it takes."""

    async def run() -> int:
        # Delays before retries are random, too.
        random.seed(1)
        return (await walk(Weather(*shares, first=first), items, failing=True)).fetch_counter

    return virtually(run)


@pytest.mark.parametrize(
    ("share", "status"), [(0.2, 503), (0.3, 503), (0.1, 429), (0.2, 429), (0.08, 503)]
)
@pytest.mark.parametrize("items", [1200, 3500])
def test_random_failure_costs_little_speed(items: int, share: float, status: int) -> None:
    """Two or three times as long as the same share of 500s, by the server's clock; not for ever."""
    fetches, seconds = walk_in(items, (status, share))
    fetches_of_500, seconds_of_500 = walk_in(items, (500, share))

    assert fetches == pytest.approx(fetches_of_500, rel=0.1)
    assert seconds < 3 * seconds_of_500


def test_one_refusal_that_names_a_time_does_not_condemn_later_503s() -> None:
    """Nor does it condemn those that come while the server lets us wait."""
    first = BadStatus("item/1.json", 429, 1.0)
    _, seconds = walk_in(1200, (503, 0.08), first=first)
    _, seconds_of_500 = walk_in(1200, (500, 0.08), first=first)

    assert seconds < 2 * seconds_of_500


def test_limit_is_kept_in_any_weather() -> None:
    """Bare 503s are weather, 429s a limit, in one and the same walk."""

    async def run() -> Server:
        server = Weather((503, 0.1), limit=limit(50, retry_after="none"))
        await walk(server, 3000, failing=True)
        return server

    server, seconds = virtually(run)

    # Each tenth request is lost to the weather.
    assert 3000 / seconds > 0.8 * 0.9 * 50
    assert len(server.refused) < 0.1 * len(server.sent)


def test_limit_that_falls_while_it_is_tried_is_not_taken_for_weather() -> None:
    """Back from a hundred to fifty, just as more than that was found."""

    async def run() -> Server:
        server = Server(limit(50, retry_after="none"))
        assert server.limit is not None
        walking = asyncio.create_task(walk(server, 4000))
        for rate in (100, 50):
            await asyncio.sleep(30 if rate == 50 else 20)
            server.limit.rate = rate
        await walking
        return server

    server, _ = virtually(run)

    assert len(server.refused) < 0.05 * len(server.sent)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 400)), max_size=60),
    st.booleans(),
)
def test_cancellation_at_any_moment_loses_no_place(
    plan: list[tuple[int, int]],
    slow: bool,  # noqa: FBT001
) -> None:
    """Requests may be cancelled while they wait, are let in, or are under way."""

    async def run() -> None:
        pacer = Pacer(3)

        async def use() -> None:
            sent_at = await pacer.enter()
            try:
                await asyncio.sleep(20 * MS)
                if slow and random.Random(sent_at).random() < 0.3:
                    pacer.refuse(sent_at, 0.05, asked=True)
                else:
                    pacer.accept(sent_at)
            finally:
                pacer.leave(sent=True)

        tasks = []
        for start, end in plan:
            task = asyncio.create_task(use())
            tasks.append(task)
            asyncio.get_running_loop().call_later(end * MS, task.cancel)
            await asyncio.sleep(start * MS / 10)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pacer.in_flight == 0
        async with asyncio.timeout(300):
            await asyncio.gather(*(use() for _ in range(10)))
        assert pacer.in_flight == 0

    virtually(run)


async def fall_silent(pacer: Pacer) -> None:
    """Refuse two requests below a known limit, and say nothing for a while."""
    pacer.pace.ceiling = 10.0
    for _ in range(2):
        pacer.refuse(await pacer.enter(), None, asked=True)
        pacer.leave(sent=True)
    await asyncio.sleep(20)
    assert pacer.pace.silent


def test_turn_in_silence_that_was_not_used_is_given_back() -> None:
    """The next one need not wait for eight seconds."""

    async def run() -> float:
        pacer, clock = Pacer(3), asyncio.get_running_loop().time
        await fall_silent(pacer)
        start = clock()
        await pacer.enter()
        pacer.leave(sent=False)
        await pacer.enter()
        return clock() - start

    waited, _ = virtually(run)

    assert waited < 1


def test_end_of_silence_lets_the_next_go_soon() -> None:
    """They wait for the rate that is known then, not as long as the silence would have them."""

    async def run() -> float:
        pacer, clock = Pacer(3), asyncio.get_running_loop().time
        await fall_silent(pacer)
        sent_at = await pacer.enter()
        waiting = [asyncio.create_task(pacer.enter()) for _ in range(2)]
        await asyncio.sleep(LATENCY)
        assert not any(each.done() for each in waiting)
        start = clock()
        pacer.accept(sent_at)
        pacer.leave(sent=True)
        await asyncio.gather(*waiting)
        return clock() - start

    waited, _ = virtually(run)

    assert 0 < waited < 4


def test_cancelled_in_the_moment_of_being_let_in() -> None:
    """The place is given to the next one."""

    async def run() -> None:
        pacer = Pacer(1)
        await pacer.enter()
        first, second = (asyncio.create_task(pacer.enter()) for _ in range(2))
        await asyncio.sleep(0)
        pacer.leave(sent=True)
        first.cancel()
        await second
        assert pacer.in_flight == 1

    virtually(run)
