"""Notices of a program that is killed: told twice at worst, never lost."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from aiohttp import web

from hn_comments.simulator import Simulator, World

from .support import COMMAND, DEADLINE, MS, eventually, front_page, outcome, started
from .test_notices import Hook, serve


THRESHOLDS = (5, 8, 11)

# How often the program is killed at a random moment.
ROUNDS = 6


class Flaky(Hook):
    """A webhook that is down, slow or well, as *moments* have it, until it *is_well*."""

    def __init__(self, moments: random.Random) -> None:
        super().__init__()
        self.moments = moments
        self.is_well = False

    async def handle(self, request: web.Request) -> web.Response:
        mood = "well" if self.is_well else self.moments.choice(["down", "slow", "well"])
        self.status = 500 if mood == "down" else 200
        answer = await super().handle(request)
        if mood == "slow":
            await asyncio.sleep(self.moments.uniform(0, 200) * MS)
        return answer


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


def options(simulator: Simulator, path: str, address: str, *more: str) -> list[str]:
    """Return the command that tells *address* of posts that pass a threshold."""
    watched = ["--api-url", simulator.url, "--history", path, "--limit", "40", "--quiet"]
    return [*COMMAND, *watched, "--notify", f"json://{address}", *more]


def unsent(path: str) -> list[tuple[int, str]]:
    """Return what the file knows to be reached and not told."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT story_id, threshold FROM notices WHERE sent_at IS NULL"
        ).fetchall()
    return []


def crossings_told(hook: Hook) -> Counter[tuple[int, int]]:
    """Return how often each crossing was told."""
    return Counter(key for told in hook.told for key in read_message(told["message"]))


def read_message(message: str) -> Iterator[tuple[int, int]]:
    """Yield what is told: each post, with each threshold that it reached."""
    for part in message.split("\n\n"):
        _, figures, link = part.splitlines()
        thresholds = figures.partition("(threshold")[2].strip("s )")
        for threshold in thresholds.split(", "):
            yield int(link.partition("id=")[2]), int(threshold)


async def finish(*command: str) -> None:
    """Run the program to its end."""
    async with started(*command) as process:
        code, _, stderr = await outcome(process)
    assert code == 0, stderr


@pytest.mark.parametrize("trouble", ["hangs", "is down"])
async def test_killed_between_the_crossing_and_the_telling(path: str, trouble: str) -> None:
    """The next run tells it, once; the one after that has nothing to tell."""
    hook, world = Hook(), front_page(12)
    hook.status = 503
    if trouble == "hangs":
        hook.answering.clear()
    async with serve(hook) as address, Simulator(world) as simulator:
        command = options(simulator, path, address, "--threshold", "10")
        async with started(*command, "--period", "0.05") as process:
            await eventually(lambda: unsent(path) and hook.tries)
            process.kill()
            await process.wait()
        left = unsent(path)
        hook.answering.set()
        hook.status = 200
        hook.told.clear()
        await finish(*command, "--once")
        await finish(*command, "--once")

    assert left == [(world.top[0], "10")]
    assert crossings_told(hook) == {(world.top[0], 10): 1}
    assert unsent(path) == []


async def test_killed_at_random_moments_nothing_is_lost(path: str) -> None:
    """Over all runs each crossing is told, to a receiver that is down or slow at times."""
    moments = random.Random(7)
    hook, world = Flaky(moments), front_page(*[3] * 40)
    async with serve(hook) as address, Simulator(world) as simulator:
        command = options(
            simulator, path, address, *(f"--threshold={number}" for number in THRESHOLDS)
        )
        left = [await run_and_kill(command, path, world, moments) for _ in range(ROUNDS)]
        hook.is_well = True
        await finish(*command, "--once")

    told = crossings_told(hook)
    assert told.keys() == reached(world)
    assert len(told) > ROUNDS
    assert any(left), "no kill came between a crossing and its telling"
    assert unsent(path) == []


async def run_and_kill(
    command: list[str], path: str, world: World, moments: random.Random
) -> list[tuple[int, str]]:
    """Kill the program while comments are written; return what it had not told by then."""
    async with started(*command, "--period", "0.05") as process, growing(world, moments):
        assert process.stdout
        async with asyncio.timeout(DEADLINE):
            await process.stdout.readline()
        await asyncio.sleep(moments.uniform(0, 800) * MS)
        process.kill()
        await process.wait()
    return unsent(path)


@asynccontextmanager
async def growing(world: World, moments: random.Random) -> AsyncIterator[None]:
    """Have comments be written all the time."""

    async def grow() -> None:
        while True:
            world.add_reply(moments.choice(world.top))
            await asyncio.sleep(20 * MS)

    task = asyncio.create_task(grow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def reached(world: World) -> set[tuple[int, int]]:
    """Return what has been reached, by the world's own count."""
    return {
        (story, threshold)
        for story in world.top
        for threshold in THRESHOLDS
        if len([*world.walk(story)]) >= threshold
    }
