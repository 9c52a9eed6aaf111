"""
Walk below limits of all kinds, and print how near the walk comes to the rate allowed.

    python benchmarks/pacer.py              the tables and the curve of docs/pacing.md
    python benchmarks/pacer.py --real       some rows of it against a real server

The table is made in virtual time, with the real fetcher and pacer: the clock of the event loop
jumps to the next timer, and the server is the simulator's `Limit` with a latency of 50 ms,
give or take 10. So hours of walking take a minute or two, and give the same figures each time.
"""

import argparse
import asyncio
import functools
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from virtual import VirtualLoop
from yarl import URL

from hn_comments import Session, Settings, URLFetcher
from hn_comments.api.session import retry_after
from hn_comments.errors import BadStatus
from hn_comments.simulator import Simulator, World
from hn_comments.simulator.limit import Limit


# Seconds from request to answer, on average.
LATENCY = 0.05

# Requests a second that the servers allow.
RATES = (5, 20, 50, 100, 300)

# Shares of all answers that servers without a limit fail at random, and the ways to do so.
SHARES = (0.05, 0.1, 0.2, 0.3)
FAILURES = ((500, "none"), (503, "none"), (429, "none"), (429, "right"))


class VirtualSession(Session):
    """
    A session whose server is a limit and a latency.
    """

    def __init__(self, limit: Limit) -> None:
        super().__init__(Settings())
        self.limit = limit
        self.random = random.Random(1)

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
        await asyncio.sleep(LATENCY * self.random.uniform(0.4, 0.6))
        wait = self.limit.take()
        await asyncio.sleep(LATENCY * self.random.uniform(0.4, 0.6))
        if wait:
            value = self.limit.headers(wait).get("Retry-After")
            raise BadStatus(path, self.limit.status, retry_after(value))
        return b"null"


class Weather(Limit):
    """
    No limit, but a server that refuses a *share* of all requests at random.
    """

    def __init__(self, share: float, seed: int, clock: Callable[[], float], **given: Any) -> None:
        super().__init__(1, clock=clock, **given)
        self.share = share
        self.random = random.Random(seed)

    def take(self) -> float:
        return 1.0 if self.random.random() < self.share else 0.0


class Outcome:
    """
    The requests and refusals of walks of *items* items.
    """

    def __init__(self, session: Session, fetchers: list[URLFetcher], items: int) -> None:
        loop = asyncio.get_running_loop()
        self.seconds = loop.time()
        self.items = items
        self.requests = sum(fetcher.fetch_counter for fetcher in fetchers)
        self.refused = 1 - items / self.requests


async def walk(session: Session, items: int, *, failing: bool = False) -> URLFetcher:
    """
    Fetch *items* items at once; all must come in the end, if the server is not *failing*.
    """
    fetcher = URLFetcher(session)
    fetches = [fetcher.fetch("item/1.json") for _ in range(items)]
    await asyncio.gather(*fetches, return_exceptions=failing)
    return fetcher


def virtually(
    make: Callable[[Callable[[], float]], Limit],
    items: int,
    *,
    walks: int = 1,
    changes: Iterable[tuple[float, float]] = (),
    failing: bool = False,
) -> tuple[Outcome, float]:
    """
    Return the outcome of walks below one limit, and how many requests it allowed meanwhile.

    *changes* are times, each with the factor of the first rate that holds from then on.
    """
    loop = VirtualLoop()
    limit = make(loop.time)
    first = limit.rate

    async def change() -> None:
        for at, factor in changes:
            await asyncio.sleep(at - loop.time())
            limit.rate = first * factor

    async def run() -> Outcome:
        changing = asyncio.create_task(change())
        sessions = [VirtualSession(limit) for _ in range(walks)]
        walking = (walk(session, items // walks, failing=failing) for session in sessions)
        fetchers = await asyncio.gather(*walking)
        changing.cancel()
        return Outcome(sessions[0], fetchers, items // walks * walks)

    try:
        outcome = loop.run_until_complete(run())
    finally:
        loop.close()
    allowed = at = 0.0
    factor = 1.0
    for then, next_factor in (*changes, (outcome.seconds, 1.0)):
        then = min(then, outcome.seconds)
        allowed += (then - at) * factor * first / (limit.window or 1)
        at, factor = then, next_factor
    return outcome, allowed


# Buckets of a tenth of a second, a second and ten; windows of a second and a minute.
KINDS: dict[str, Callable[[float, Callable[[], float]], dict[str, Any]]] = {
    "bucket 0.1 s": lambda r, _: {"rate": r, "burst": max(1, r / 10)},
    "bucket 1 s": lambda r, _: {"rate": r},
    "bucket 10 s": lambda r, _: {"rate": r, "burst": 10 * r},
    "window 1 s": lambda r, _: {"rate": r, "window": 1.0},
    "window 60 s": lambda r, _: {"rate": 60 * r, "window": 60.0},
}


def how_many(rate: float, kind: str) -> int:
    """
    Return a number of items for a minute at least, and for three windows.
    """
    return int(max(3000, (180 if kind == "window 60 s" else 60) * rate))


def cell(outcome: Outcome, allowed: float) -> str:
    return f"{outcome.items / allowed:.2f}, {100 * outcome.refused:.1f}%"


def print_table(status: int, header: str) -> None:
    print(f"\n| {status}, Retry-After {header} | {' | '.join(KINDS)} |")
    print(f"| --- |{' --- |' * len(KINDS)}")
    for rate in RATES:
        cells = []
        for kind, arguments in KINDS.items():
            outcome, allowed = virtually(
                lambda clock: Limit(
                    status=status, retry_after=header, clock=clock, **arguments(rate, clock)
                ),
                how_many(rate, kind),
            )
            cells.append(cell(outcome, allowed))
        print(f"| {rate} a second | {' | '.join(cells)} |", flush=True)


def weather_cell(items: int, share: float, status: int, header: str) -> str:
    """
    Return how long a walk takes in three kinds of luck: the mean, and the longest.
    """
    seconds = []
    for seed in (1, 2, 3):
        # The delays before retries are random, too.
        random.seed(seed)
        make = functools.partial(Weather, share, seed, status=status, retry_after=header)
        outcome, _ = virtually(make, items, failing=True)
        seconds.append(outcome.seconds)
    return f"{sum(seconds) / len(seconds):.1f} s, {max(seconds):.1f} s"


def print_weather() -> None:
    for items in (1200, 3500):
        names = [f"{status}, Retry-After {header}" for status, header in FAILURES]
        print(f"\n| {items:,} items, weather | {' | '.join(names)} |")
        print(f"| --- |{' --- |' * len(FAILURES)}")
        for share in SHARES:
            cells = [weather_cell(items, share, *failure) for failure in FAILURES]
            print(f"| {share:.0%} | {' | '.join(cells)} |", flush=True)


def print_changes() -> None:
    print("\n| bucket of 1 s | halves after 20 s, back after 50 s | doubles, back | two programs |")
    print("| --- | --- | --- | --- |")
    for rate in RATES[1:]:
        for header in ("none", "right"):

            def make(clock: Callable[[], float]) -> Limit:
                return Limit(rate, retry_after=header, clock=clock)

            cells = [
                cell(*virtually(make, 90 * rate, changes=((20, factor), (50, 1))))
                for factor in (0.5, 2)
            ]
            cells.append(cell(*virtually(make, 90 * rate, walks=2)))
            print(f"| {rate} a second, Retry-After {header} | {' | '.join(cells)} |", flush=True)


def print_curve(rate: float = 50.0, seconds: int = 90) -> None:
    """
    Draw the requests of each second, below a limit that halves for half a minute.
    """
    sent = [0] * (seconds + 1)
    refused = [0] * (seconds + 1)

    class Watched(Limit):
        def take(self) -> float:
            second = min(int(self._clock()), seconds)
            sent[second] += 1
            wait = super().take()
            refused[second] += bool(wait)
            return wait

    virtually(
        lambda clock: Watched(rate, retry_after="none", clock=clock),
        int(rate * (seconds - 10)),
        changes=((30, 0.5), (60, 1)),
    )
    print(f"\nLimit {rate:g} a second, half of it from 30 to 60 s; `.` accepted, `x` refused\n")
    print("```")
    for second in range(0, seconds - 12, 2):
        good = (sent[second] - refused[second] + sent[second + 1] - refused[second + 1]) // 2
        bad = -(-(refused[second] + refused[second + 1]) // 2)
        print(f"{second:3} s |{'.' * good}{'x' * bad}")
    print("```")


async def really(rate: float, header: str, status: int) -> str:
    """
    Walk the simulator below a limit, over real sockets.
    """
    world = World(stories=30)
    limit = Limit(rate, retry_after=header, status=status)
    async with Simulator(world, latency=LATENCY, limit=limit) as simulator:
        async with Session(Settings(api_url=simulator.url)) as session:
            fetcher = URLFetcher(session)
            items = list(world.items)[: int(max(2000, 30 * rate))]
            start = time.monotonic()
            await asyncio.gather(*(fetcher.fetch_item(item) for item in items))
            seconds = time.monotonic() - start
    share = len(items) / seconds / rate
    return f"{share:.2f}, {100 * (1 - len(items) / fetcher.fetch_counter):.1f}%"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--real", action="store_true", help="against a server, in real time")
    if parser.parse_args().real:
        print("| limit | share of the rate, refused |\n| --- | --- |")
        for rate in (20, 100, 300):
            for status, header in ((429, "right"), (429, "none"), (503, "none")):
                figures = asyncio.run(really(rate, header, status))
                print(f"| {rate} a second, {status}, {header} | {figures} |", flush=True)
        return
    for status, header in (
        (429, "none"),
        (429, "right"),
        (429, "0"),
        (429, "absurd"),
        (420, "none"),
        (503, "none"),
        (503, "right"),
    ):
        print_table(status, header)
    print_weather()
    print_changes()
    print_curve()


if __name__ == "__main__":
    main()
