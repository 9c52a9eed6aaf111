"""
Compare the sources: how soon new comments are told, what that costs, and the CPU of a cold walk.

    python benchmarks/told.py hour      an hour on a clock that waits for nobody
    python benchmarks/told.py walk      a cold walk, against a simulator in another process

The hour has the real engine and the real sources, but no network: each answer takes as long as
one of the real site, and comes from a world. So the figures are the same each time.
"""

import argparse
import asyncio
import functools
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from virtual import VirtualLoop
from yarl import URL

from hn_comments import Control, Settings, watch
from hn_comments.api.protocol import Answer, Push
from hn_comments.api.session import Session
from hn_comments.memory import Memory
from hn_comments.settings import SourceName
from hn_comments.simulator import World
from hn_comments.simulator.answers import answer


# New items a minute on Hacker News, and the front page in stories that are watched; a fifth of
# the new comments falls under those.
RATE, PAGE = 9.0, 11

HOUR = 3600

# Requests that a walk of the simulator's stories has to send one after another, so that it cannot
# take less than (items / 1,000 + depth) x latency with a thousand in flight.
DEPTH = 16

# Seconds until an answer of the real site, or until it tells of a change.
LATENCY = 0.285

# Seconds between two looks at what may have changed: the error of the figures.
LOOK = 0.25

START = 1_700_000_000.0

SOURCES: tuple[SourceName, ...] = ("http", "socket")


class Clock:
    def __call__(self) -> float:
        return START + asyncio.get_running_loop().time()

    def wall(self) -> float:
        return self()


class Site:
    """
    A world, when its comments were written, and how often it was asked.
    """

    def __init__(self, stories: int) -> None:
        clock = Clock()
        self.world = World(stories=stories * PAGE, rate=RATE, clock=clock, now=clock)
        self.asked = 0
        self.written: dict[int, float] = {}
        add_comment = self.world.add_comment

        def note(parent: int) -> int:
            comment = add_comment(parent)
            self.written[comment] = self.world.clocks.moment() - START
            return comment

        self.world.add_comment = note  # type: ignore[method-assign]

    def view(self, path: str) -> Any:
        return json.loads(json.dumps(answer(self.world, path.removeprefix("v0/"))))

    async def ask(self, path: str) -> Any:
        self.asked += 1
        await asyncio.sleep(LATENCY)
        return self.view(path)


class Line:
    """
    A websocket to a site; `hn_comments.api.line` has the real one.
    """

    def __init__(self, site: Site, on_push: Callable[[Push], object]) -> None:
        self.site = site
        self.on_push = on_push
        self.told: dict[str, Any] = {}

    async def ask(self, action: str, path: str) -> Answer:
        if action == "g":
            return Answer(0, "ok", await self.site.ask(path))
        await asyncio.sleep(LATENCY)
        if action == "n":
            del self.told[path]
        else:
            self.told[path] = self.site.view(path)
            self.on_push(Push(path, self.told[path], merged=False))
        return Answer(0, "ok", {})

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            for path, before in [*self.told.items()]:
                value = self.site.view(path)
                if value != before:
                    self.told[path] = value
                    later = functools.partial(self.on_push, Push(path, value, merged=False))
                    asyncio.get_running_loop().call_later(LATENCY / 2, later)

    async def wait_for_hello(self) -> None:
        pass

    async def keep_alive(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def hour(source: SourceName, period: float, stories: int) -> str:
    site = Site(stories)
    delays: list[float] = []

    async def get(_: Session, path: str, __: URL, **_more: bool) -> Any:
        return await site.ask(path.removesuffix(".json"))

    async def dial(_: Any, __: Any, on_push: Callable[[Push], object]) -> Any:
        return Line(site, on_push)

    memory = functools.partial(Memory, Clock())
    with (
        mock.patch.object(Session, "get", get),
        mock.patch("hn_comments.api.socket.dial", dial),
        mock.patch("hn_comments.engine.Memory", memory),
    ):
        settings = Settings(
            source=source, period=period, limit=stories, comments=True, max_running=8
        )
        control, polls, first, loop = Control(), 0, 0, asyncio.get_running_loop()
        loop.call_later(HOUR, control.stop)
        async for report in watch(settings, control=control):
            polls += 1
            first = first or site.asked
            now = loop.time()
            delays += [now - site.written[new.item.id] for new in report.comments]
    delays.sort()
    return (
        f"| {period:g} s | {source} | {polls} | {first} | {site.asked - first} | {len(delays)} "
        f"| {statistics.median(delays):.1f} s | {delays[-1 - len(delays) // 100]:.1f} s |"
    )


def print_hours(stories: int) -> None:
    print(f"\n### An hour, {stories} stories, {RATE:g} new items a minute\n")
    print("| period | source | polls | reads of the first | of the others | new comments", end="")
    print(" | told after, median | 99% |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for period in (5, 60, 600):
        for source in SOURCES:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                print(runner.run(hour(source, period, stories)), flush=True)


async def walk(url: str, source: SourceName, connections: int) -> tuple[int, float, float]:
    settings = Settings(
        api_url=url, source=source, connections=connections, limit=50, polls=1, fetch_timeout=60
    )
    start, cpu = time.perf_counter(), time.process_time()
    (report,) = [report async for report in watch(settings)]
    assert (report.status, report.source) == ("exact", source), report.errors
    return report.fetches, time.perf_counter() - start, time.process_time() - cpu


def print_walks(rounds: int, port: int = 8765) -> None:
    gc.set_threshold(50_000)
    print("\n### A cold walk of 50 stories, the simulator in another process\n")
    print("| latency | in flight | source | fetches | seconds | x the bound ", end="")
    print("| CPU an item, of http |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for latency in (0.0, 0.05, 0.15, LATENCY):
        command = [sys.executable, "-m", "hn_comments.simulator.command", f"--port={port}"]
        command += ["--stories=50", f"--latency={latency}"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert server.stdout is not None
        server.stdout.readline()
        try:
            for connections in (100, 500):
                print_walk(f"http://127.0.0.1:{port}/v0", latency, connections, rounds)
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


def print_walk(url: str, latency: float, connections: int, rounds: int) -> None:
    taken: dict[SourceName, list[tuple[int, float, float]]] = {name: [] for name in SOURCES}
    for _ in range(rounds):
        for source, found in taken.items():
            found.append(asyncio.run(walk(url, source, connections)))
    cpu = {source: min(one[2] for one in found) for source, found in taken.items()}
    for source, found in taken.items():
        fetches, seconds = found[0][0], min(one[1] for one in found)
        bound = (fetches / 1000 + DEPTH) * latency
        times = f"{seconds / bound:.2f}" if bound else "-"
        print(
            f"| {latency * 1000:g} ms | {connections} | {source} | {fetches} | {seconds:.2f} "
            f"| {times} | {cpu[source] / fetches * 1e6:.0f} us, {cpu[source] / cpu['http']:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hour", "walk"))
    parser.add_argument("--stories", type=int, default=50, help="watched in the hour; default: 50")
    parser.add_argument("--rounds", type=int, default=3, help="of each walk; default: 3")
    args = parser.parse_args()
    if args.what == "hour":
        print_hours(args.stories)
    else:
        print_walks(args.rounds)


if __name__ == "__main__":
    main()
