"""
Small worlds, a client for them, and waiting for conditions.
"""

import asyncio
import logging
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from types import SimpleNamespace
from typing import Any

import aiohttp
from aioresponses import aioresponses

from hn_comments import PollFailed, PollReport, Session, Settings, URLFetcher
from hn_comments.events import Event
from hn_comments.memory.maxitem import RECENT
from hn_comments.memory.memory import Memory
from hn_comments.output.sentences import say
from hn_comments.simulator import Simulator, World
from hn_comments.stories import Poll


# Times in tests are multiples of this; a slow machine can make it longer.
MS = 0.001 * float(os.environ.get("HN_COMMENTS_TESTS_SLOWNESS", "1"))

# Longest time that a test waits for a condition.
DEADLINE = 20_000 * MS

# The command, in the strictest mode Python has.
COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "hn_comments"]
REPORT = [*COMMAND[:-1], "hn_comments.command.report"]

# What a title can hold that is meant for a browser.
HOSTILE = "</script><img src=x onerror=alert(1)> \u202egnp.exe &lt;b&gt; <!-- ]]> " + "x" * 5000


def front_page(*sizes: int) -> World:
    """Return a world with a quiet story for each of *sizes*, with that many live comments."""
    world = World(stories=0)
    # As on the real site, the ids just before these belong to other stories.
    others_write(world)
    for size in sizes:
        story = world.add_story(score=100)
        world.top.append(story)
        for _ in range(size):
            world.add_reply(story)
    world.updates.clear()
    return world


def others_write(world: World) -> None:
    """Add newer items, of a story that is not on the front page."""
    other = world.add_story(score=1)
    for _ in range(RECENT):
        world.add_comment(other)


def thread(kids: dict[int, list[int]]) -> World:
    """Return a world of exactly the given items; 1 is the story."""
    world = World(stories=0)
    ids = {1, *kids, *(kid for below in kids.values() for kid in below)}
    parents = {kid: parent for parent, below in kids.items() for kid in below}
    for item_id in ids:
        item: dict[str, Any] = {"id": item_id, "type": "story" if item_id == 1 else "comment"}
        if item_id in parents:
            item["parent"] = parents[item_id]
        if item_id in kids:
            item["kids"] = kids[item_id]
        world.items[item_id] = item
    world.top = [1]
    return world


@asynccontextmanager
async def client(
    world: World, *, latency: float = 0, max_fetches: int | None = None, **settings: Any
) -> AsyncIterator[tuple[Simulator, URLFetcher]]:
    """Serve *world*, and yield a fetcher for it."""
    async with (
        Simulator(world, latency=latency) as simulator,
        Session(Settings(api_url=simulator.url, **settings)) as session,
    ):
        yield simulator, URLFetcher(session, max_fetches=max_fetches)


async def poll_once(
    fetcher: URLFetcher,
    *,
    memory: Memory | None = None,
    history: Any = None,
    **settings: Any,
) -> PollReport:
    """Return what one poll publishes, whether or not it fails; a full walk without *memory*."""
    reports: list[PollReport] = []
    chosen = Settings(**{"full_walk": memory is None, **settings})
    try:
        poll = Poll(fetcher, chosen, memory=memory or Memory(), number=1, history=history)
        await poll.run(reports.append)
    except PollFailed:
        assert reports[0].status == "failed"
    assert len(reports) == 1
    return reports[0]


def query(path: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a history file answers."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(sql, values).fetchall()
        connection.commit()
    return found


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Ear:
    """Hears what the engine says, and knows how the command would word it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def sentences(self, least: int = logging.WARNING) -> list[str]:
        """Return the sentences that are at least so loud."""
        return [text for event in self.events for level, text in say(event) if level >= least]


async def eventually(condition: Callable[[], object]) -> None:
    """Return as soon as *condition* is true."""
    async with asyncio.timeout(DEADLINE):
        # Sockets and other processes set no event that could be awaited.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(MS)


class MockedResponse(aiohttp.ClientResponse):
    """
    A response that aioresponses can make with aiohttp 3.14, although it lacks an argument.

    https://github.com/pnuckowski/aioresponses/issues/289
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"stream_writer": SimpleNamespace(output_size=0), **kwargs})


# The API's address where each answer is mocked: no server listens there.
URL = "http://127.0.0.1:9/v0"


@asynccontextmanager
async def mocked_fetcher(**settings: Any) -> AsyncIterator[URLFetcher]:
    """Yield a fetcher whose answers are mocked."""
    async with Session(Settings(api_url=URL, **settings)) as session:
        yield URLFetcher(session)


def answer(mock: aioresponses, path: str, **kwargs: Any) -> None:
    """Mock the answer to the next request for *path*."""
    mock.get(f"{URL}/{path}", response_class=MockedResponse, **kwargs)
