"""
Hacker News for a quarter of a year: it grows, lags, fails, goes away, and moderators are at work.

It answers in this process, in the place of the network: all of the client but the sockets is real.
"""

import asyncio
import errno
import json
import random
from collections import Counter
from typing import Any, NamedTuple

import aiohttp

from hn_comments.errors import BadStatus
from hn_comments.simulator import World
from hn_comments.simulator.answers import answer
from hn_comments.simulator.forest import is_live
from hn_comments.simulator.server import distort

from .hurried import Machine


HOUR, DAY = 3600.0, 86400.0

# New items a minute on Hacker News; the page has so many stories for each one that is watched
# that a fifth of the new comments falls under the watched ones.
RATE, PAGE = 9.0, 11

# Shares of the answers that are spoilt: one in twenty. What is no error, but a lie, is rarer:
# nothing tells the client to ask again.
FAULTS = {
    "401": 0.006,
    "429": 0.006,
    "500": 0.007,
    "503": 0.007,
    "drop": 0.008,
    "truncated": 0.006,
    "garbage": 0.006,
    "slow": 0.002,
    "hang": 0.001,
    "wrong-id": 0.0005,
    "cycle": 0.0005,
}

ALL_FAULTS = sum(FAULTS.values())

# The share of new items that cannot be read at first, and for how many answers.
LATE_SHARE, LATE_ANSWERS = 0.02, 2

# Seconds for which an outage lasts each day.
MINUTE = 60.0

# Untold changes a day, of each kind, among the stories that are watched.
UNTOLD = {"kill": 8, "revive": 4, "move": 4, "remove": 2}

# Seconds for which a story that left the page is still there.
KEPT = 3 * HOUR


class Figures(NamedTuple):
    """How many comments a story has at least, as far as the API has told, and at most."""

    least: int
    most: int
    least_live: int
    most_live: int


class Site:
    """
    The world, its network, and its moderators; *watched* stories at the top of the page matter.
    """

    def __init__(self, machine: Machine, *, watched: int, seed: int) -> None:
        self.machine = machine
        self.watched = watched
        self.chance = random.Random(seed)
        self.world = World(
            seed=seed,
            stories=watched * PAGE,
            rate=RATE,
            lag=2.0,
            flap=True,
            clock=machine.steady,
            now=machine.true,
        )
        self.outages: list[tuple[float, float]] = []
        self.counted: Counter[str] = Counter()
        # The largest id that was told, and items that the last answer has called null.
        self.told = 0
        self.hidden: dict[int, int] = {}
        # Stories in which moderators moved a comment, which nobody may have noticed.
        self.moved: set[int] = set()
        self.moved_comments: set[int] = set()
        self._left: dict[int, float] = {}

    # The network.

    async def send(self, path: str) -> bytes:
        """Answer a request, or do not."""
        self.counted["requests"] += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        fault = self._choose_fault(path)
        self.counted["faults"] += fault is not None
        match fault:
            case "401" | "429" | "500" | "503":
                raise BadStatus(path, int(fault), 1.0 if fault == "429" else None)
            case "drop":
                raise aiohttp.ClientConnectionError("the server disconnected")
            case "truncated":
                raise aiohttp.ClientPayloadError("the body broke off")
            case "garbage":
                return b"<html>502 Bad Gateway</html>"
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(1)
        return json.dumps(distort(self._answer(path), fault)).encode()

    @property
    def is_away(self) -> bool:
        return any(since <= self.machine.now < until for since, until in self.outages)

    def _choose_fault(self, path: str) -> str | None:
        if self.chance.random() > ALL_FAULTS:
            return None
        (fault,) = self.chance.choices([*FAULTS], [*FAULTS.values()])
        # Of items alone that is known to pass.
        return "500" if fault == "401" and not path.startswith("item/") else fault

    def _answer(self, path: str) -> Any:
        value = answer(self.world, path.removesuffix(".json"))
        if path == "maxitem.json":
            self.told = max(self.told, value)
        if path.startswith("item/"):
            item_id = int(path.removeprefix("item/").removesuffix(".json"))
            if value is None or self._is_late(item_id, value):
                self.counted["nulls"] += 1
                self.hidden[item_id] = self.hidden.get(item_id, 0) + 1
                return None
            self.hidden.pop(item_id, None)
        return value

    def _is_late(self, item_id: int, value: dict[str, Any]) -> bool:
        if item_id in self.hidden:
            return self.hidden[item_id] < LATE_ANSWERS
        is_new = value["time"] > self.machine.true() - 90 and "parent" in value
        return is_new and random.Random(item_id).random() < LATE_SHARE

    # The truth.

    def figures(self, story: int) -> Figures:
        """Return what a count may be now: what is told must be known, what is not may be."""
        items = self.world.items
        least = most = least_live = most_live = 0
        pending = [(story, True)]
        while pending:
            item_id, is_told = pending.pop()
            for kid in (items.get(item_id) or {}).get("kids", ()):
                told = is_told and kid <= self.told and kid not in self.hidden
                live = is_live(items.get(kid))
                most, least = most + 1, least + told
                most_live, least_live = most_live + live, least_live + (told and live)
                pending.append((kid, told))
        return Figures(least, most, least_live, most_live)

    def was_moved(self, comment: int) -> bool:
        """Return whether a comment, or one above it, was once below another story."""
        above: int | None = comment
        while above is not None and above not in self.moved_comments:
            above = (self.world.items.get(above) or {}).get("parent")
        return above is not None

    # What nobody tells.

    def moderate(self) -> None:
        """Make a change that no list names."""
        (kind,) = self.chance.choices([*UNTOLD], [*UNTOLD.values()])
        story, other = self._choose_story(), self._choose_story()
        items = self.world.items
        comments = [i for i in self.world.threads[story] if items.get(i)]
        comments = [i for i in comments if is_live(items[i]) == (kind != "revive")]
        if not comments or (kind == "move" and story == other):
            return
        comment = self.chance.choice(comments)
        match kind:
            case "kill":
                self.world.kill(comment, quietly=True)
            case "revive":
                self.world.revive(comment, quietly=True)
            case "move":
                self.moved_comments.add(comment)
                self.world.move(comment, other)
                self.moved |= {story, other}
            case "remove":
                self.world.remove(comment)
                self.moved.add(story)
        self.counted[f"untold: {kind}"] += 1

    def _choose_story(self) -> int:
        page = self.world.top[: self.watched]
        return self.chance.choice([story for story in page if self.world.threads.get(story)])

    # What is over.

    def forget(self) -> None:
        """Forget what left the page long ago, as no real site does: memory has an end."""
        world, now = self.world, self.machine.now
        stories = {item_id for item_id, item in world.items.items() if item and is_post(item)}
        self._left = {story: self._left.get(story, now) for story in stories - {*world.top}}
        old = {story for story, since in self._left.items() if since < now - KEPT}
        gone = old.union(*(world.walk(story) for story in old))
        newest = world.next_id - int(KEPT / 60 * RATE)
        gone |= {i for i, item in world.items.items() if item is None and i < newest}
        for known in (world.items, world.threads, world.buried, self.hidden):
            for item_id in gone & known.keys():
                del known[item_id]
        world.unlisted -= gone
        replicas = world.replicas
        for late in (replicas._past, replicas._late_kids, replicas._late_counts):
            for item_id in gone & late.keys():
                del late[item_id]


def is_post(item: dict[str, Any]) -> bool:
    """Return whether an item is a story or a job."""
    return "parent" not in item
