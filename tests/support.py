"""
Small worlds, a client for them, programs, virtual time, and waiting for conditions.
"""

import asyncio
import functools
import logging
import os
import re
import selectors
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

import aiohttp
import pytest
from aioresponses import aioresponses

from hn_comments import PollFailed, PollReport, Session, Settings, URLFetcher
from hn_comments.events import Event
from hn_comments.memory.maxitem import RECENT
from hn_comments.memory.memory import Memory
from hn_comments.output.sentences import say
from hn_comments.simulator import Simulator, World
from hn_comments.stories import Poll

from . import wire


P = ParamSpec("P")
T = TypeVar("T")

# Times in tests are multiples of this; a slow machine can make it longer.
MS = 0.001 * float(os.environ.get("HN_COMMENTS_TESTS_SLOWNESS", "1"))

# Longest time that a test waits for a condition; without a busy machine it is next to nothing.
DEADLINE = 60_000 * MS

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

# Five posts with 631 comments, made by `data/record.py`.
TREES = Path(__file__).parent / "data" / "trees.json"

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


@asynccontextmanager
async def asking(
    answer: wire.Answer, **settings: Any
) -> AsyncIterator[tuple[wire.Wire, URLFetcher]]:
    """Serve each *answer* as it is, and give a fetcher for it."""
    async with wire.serve(answer) as server:
        chosen = Settings(**{"api_url": f"http://127.0.0.1:{server.port}/v0", **settings})
        async with Session(chosen) as session:
            yield server, URLFetcher(session)


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


@contextmanager
def locked(path: str, how: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """Have another program write a history file all the while; return its connection."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield other


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


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    An event loop that waits for nobody: *now* jumps to the next timer.

    So what takes hours takes as long as its steps, and comes out the same on a busy machine.
    """

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(Jumps(self))

    def time(self) -> float:
        return self.now


class Jumps(selectors.DefaultSelector):
    """A selector that does not wait: the time it should have waited has passed."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing is left to wait for"
        self.loop.now += max(timeout, 0.0)
        return super().select(0)


def virtually(run: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, float]:
    """Return what *run* returns, and how many seconds it took by its own clock."""
    # In debug mode, which -X dev turns on, it would be three times slower.
    with asyncio.Runner(debug=False, loop_factory=VirtualLoop) as runner:
        return runner.run(run()), runner.get_loop().time()


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Have a test run by a loop that waits for nobody."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        virtually(lambda: test(*args, **kwargs))

    return run


# What no program of ours may ever write.
COMPLAINTS = re.compile("Traceback|never retrieved|was destroyed|Unclosed|never awaited|Exception")

# What asyncio says in debug mode, which -X dev turns on, where the machine is busy. The program
# cuts long lines, so how long it took need not be there.
SLOW_CALLBACK = re.compile(r"^.*Executing <.*\n", re.MULTILINE)


@asynccontextmanager
async def started(*program: str, **options: Any) -> AsyncIterator[Process]:
    """Start a program, and make sure that it does not survive the test."""
    pipes = {"stdout": PIPE, "stderr": PIPE}
    process = await asyncio.create_subprocess_exec(*program, **{**pipes, **options})
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def outcome(process: Process) -> tuple[int | None, str, str]:
    """Return exit code, stdout and stderr at the end, where stderr never complains."""
    try:
        async with asyncio.timeout(DEADLINE):
            outputs = await process.communicate()
    except TimeoutError as exc:
        # In its strictest mode Python says then where it is.
        process.send_signal(signal.SIGABRT)
        _, hanging = await process.communicate()
        raise AssertionError(f"it does not end:\n{hanging.decode()}") from exc
    stdout, stderr = ((output or b"").decode().replace(os.linesep, "\n") for output in outputs)
    assert not COMPLAINTS.search(stderr), stderr
    return process.returncode, stdout, SLOW_CALLBACK.sub("", stderr)


async def run(*program: str, **options: Any) -> tuple[int | None, str, str]:
    """Start a program, and return its outcome."""
    async with started(*program, **options) as process:
        return await outcome(process)


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
