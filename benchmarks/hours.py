"""
Count the requests and the finds of an hour, or a day, of polls, on a clock turned by hand.

    python benchmarks/hours.py hour        requests against full walks, also across a restart
    python benchmarks/hours.py new         the cost of a quiet poll, and of k new comments
    python benchmarks/hours.py silent      how soon changes that no list names are found
    python benchmarks/hours.py overlap     polls that overlap, against some that do not

All but the last run in one process without a network: real polls, with answers directly from
the simulator's world. So a day takes minutes, and the figures are the same each time.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hn_comments import PollReport, Session, Settings, URLFetcher, watch
from hn_comments.history.history import History
from hn_comments.memory import Memory
from hn_comments.simulator import Simulator, World, forest, growth, site
from hn_comments.simulator.answers import answer
from hn_comments.simulator.forest import is_live
from hn_comments.stories import Poll


# New items a minute on Hacker News.
RATE = 9.0

# The front page has this many times as many stories as are watched, so that a fifth of the new
# comments falls under the watched ones.
PAGE = 11

HOUR, DAY = 3600, 86400

# An arbitrary moment of the wall clock, which the memory uses.
START = 1_700_000_000.0

# Numbers of new comments for which the cost of a poll is measured.
NEW = (0, 1, 2, 5, 10, 20, 50)


class WorldFetcher(URLFetcher):
    """
    A fetcher that asks the world itself.
    """

    def __init__(self, session: Session, world: World) -> None:
        super().__init__(session)
        self.world = world

    async def fetch(self, path: str, **_: Any) -> Any:
        self.fetch_counter += 1
        return answer(self.world, path.removesuffix(".json"))


class Clock:
    """
    Seconds since 1970, turned by hand.
    """

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Watched:
    """
    A world, its watcher, and the clock of both.
    """

    def __init__(self, stories: int, *, page: int = PAGE, **settings: Any) -> None:
        self.clock = Clock()
        self.world = World(stories=stories * page, rate=RATE, clock=self.clock, now=self.clock)
        self.memory = Memory(self.clock)
        self.settings = Settings(limit=stories, **settings)
        self.session = Session(self.settings)
        self.polls = 0

    async def poll(self, history: History | None = None) -> PollReport:
        self.polls += 1
        reports: list[PollReport] = []
        fetcher = WorldFetcher(self.session, self.world)
        poll = Poll(fetcher, self.settings, memory=self.memory, number=self.polls, history=history)
        await poll.run(reports.append)
        return reports[0]


async def hour(stories: int, period: float) -> tuple[int, int]:
    """
    Return how many requests an hour of polls sends, and its first poll alone.
    """
    watched = Watched(stories)
    costs = [await cost(watched, passed) for passed in range(0, HOUR, int(period))]
    return sum(costs), costs[0]


async def cut_hour(stories: int, period: float, path: str) -> int:
    """
    Return how many requests the hour sends if a new run goes on from the file in its middle.
    """
    watched = Watched(stories)
    total = 0
    for half in (range(0, HOUR // 2, int(period)), range(HOUR // 2, HOUR, int(period))):
        watched.memory = Memory(watched.clock)
        async with History(path) as history:
            for passed in half:
                total += await cost(watched, passed, history)
    return total


async def cost(watched: Watched, passed: float, history: History | None = None) -> int:
    watched.clock.now = START + passed
    report = await watched.poll(history)
    assert report.status == "exact", report.errors
    return report.fetches


async def full_walk(stories: int) -> int:
    watched = Watched(stories, full_walk=True)
    return (await watched.poll()).fetches


def print_hours(stories: int) -> None:
    print(f"\n### A simulated hour, {stories} stories, {RATE:g} new items a minute\n")
    print(
        "| period | polls | requests | full walks | times fewer | without the cold walk |", end=""
    )
    print(" cut by a restart |\n| --- | --- | --- | --- | --- | --- | --- |")
    whole = asyncio.run(full_walk(stories))
    for period in (5, 60, 600):
        polls = HOUR // period
        total, first = asyncio.run(hour(stories, period))
        with tempfile.TemporaryDirectory() as name:
            cut = asyncio.run(cut_hour(stories, period, f"{name}/h.db"))
        full = polls * whole
        print(
            f"| {period} s | {polls} | {total} | {full} | {full / total:.1f} "
            f"| {full / (total - first):.1f} | {cut}: {cut / total - 1:+.2%} |",
            flush=True,
        )


def print_new(stories: int) -> None:
    print("\n### Requests of a poll that finds k new comments in known trees\n")
    print("| k | requests, replies anywhere | replies to one post | at most (3 + 3k) |")
    print("| --- | --- | --- | --- |")
    for k in NEW:
        anywhere, one = (
            asyncio.run(new_comments(stories, k, spread=spread)) for spread in (True, False)
        )
        print(f"| {k} | {anywhere} | {one} | {3 + 3 * k} |", flush=True)


async def new_comments(stories: int, k: int, *, spread: bool) -> int:
    watched = Watched(stories, page=1)
    watched.world.rate = 0.0
    # The second poll finds the updates of the first walk, the third is quiet.
    for _ in range(3):
        await watched.poll()
        watched.clock.now += 5
    chance = random.Random(k)
    posts = [post for post in watched.world.top if post in watched.world.threads]
    for _ in range(k):
        growth.add_reply(watched.world, chance.choice(posts) if spread else posts[0])
    return (await watched.poll()).fetches


# Silent changes.


@dataclass
class Change:
    """
    A change that no list named: its stories, its time, and a test whether memory knows it.
    """

    stories: tuple[int, ...]
    at: float
    poll: int
    known: Callable[[], bool]


class Silence:
    """
    A day in which one kind of change happens again and again; it notes when each is found.
    """

    def __init__(self, watched: Watched, kind: str, seed: int) -> None:
        self.watched = watched
        self.kind = kind
        self.random = random.Random(f"{kind} {seed}")
        self.open: list[Change] = []
        self.found: Counter[str] = Counter()
        self.report: PollReport | None = None
        self.false_walks = self.walks = self.disputes = 0
        self.delays: list[float] = []
        self._disputed: set[int] = set()
        self._walked_at: dict[int, float] = {}

    def change(self) -> None:
        """
        Make one more change of this kind, in a watched story.
        """
        world = self.watched.world
        while True:
            story = self.random.choice([s for s in self._listed() if world.threads.get(s)])
            comment = self.random.choice(world.threads[story])
            if is_live(world.items[comment]) != (self.kind == "revival"):
                break
        change = getattr(self, self.kind.replace(" ", "_"))(story, comment)
        if change is not None:
            self.open.append(change)

    def death(self, story: int, comment: int) -> Change:
        site.kill(self.watched.world, comment, quietly=True)
        return self._change(story)

    def revival(self, story: int, comment: int) -> Change:
        site.revive(self.watched.world, comment, quietly=True)
        return self._change(story)

    def removal(self, story: int, comment: int) -> Change:
        forest.remove(self.watched.world, comment)
        return self._change(story)

    def move_within(self, story: int, comment: int) -> Change | None:
        world = self.watched.world
        below = {comment, *forest.walk(world, comment)}
        old = parent_of(world, comment)
        places = [i for i in (story, *world.threads[story]) if i not in below and i != old]
        if not places:
            return None
        forest.move(world, comment, self.random.choice(places))
        return self._change(story, known=lambda: self._knows_parent(story, comment))

    def move_away(self, story: int, comment: int) -> Change:
        world = self.watched.world
        other = self.random.choice([s for s in self._listed() if world.threads.get(s)])
        while other == story:
            other = self.random.choice([s for s in self._listed() if world.threads.get(s)])
        forest.move(world, comment, other)
        return self._change(story, other)

    def look(self, report: PollReport) -> None:
        """
        Note which changes a poll has found, and which walks it made in vain.
        """
        self.report = report
        listed = {post.id for post in report.stories}
        right = {s: self._is_right(s) for c in self.open for s in c.stories if s in listed}
        still = []
        for change in self.open:
            if not listed.issuperset(change.stories):
                self.found["left the list"] += 1
            elif all(right[story] for story in change.stories) and change.known():
                self._find(change)
            else:
                still.append(change)
        self.open = still
        self._count_walks(report)

    def _find(self, change: Change) -> None:
        delay = self.watched.clock.now - change.at
        self.delays.append(delay)
        if self.watched.polls - change.poll <= 2:
            self.found["two polls"] += 1
        elif delay <= 900:
            self.found["15 minutes"] += 1
        elif delay <= 900 + 2 * 60:
            self.found["17 minutes"] += 1
        elif delay <= HOUR:
            self.found["an hour"] += 1
        else:
            self.found["later"] += 1

    def _change(self, *stories: int, known: Callable[[], bool] = lambda: True) -> Change:
        return Change(stories, self.watched.clock.now, self.watched.polls, known)

    def _listed(self) -> list[int]:
        return self.watched.world.top[: self.watched.settings.limit]

    def _is_right(self, story: int) -> bool:
        """
        Whether the report has the figures of a story that a walk now would give.
        """
        assert self.report is not None
        world = self.watched.world
        (count,) = (post.count for post in self.report.stories if post.id == story)
        items = [world.items[i] for i in forest.walk(world, story)]
        deleted = sum(bool(i and i.get("deleted")) for i in items)
        live = sum(is_live(i) for i in items)
        return count is not None and (count.comments, count.live, count.deleted) == (
            len(items),
            live,
            deleted,
        )

    def _knows_parent(self, story: int, comment: int) -> bool:
        node = self.watched.memory.discussion(story).tree.nodes.get(comment)
        return node is not None and node.parent == parent_of(self.watched.world, comment)

    def _count_walks(self, report: PollReport) -> None:
        for post_id, discussion in self.watched.memory.discussions.items():
            walked_at, before = discussion.walked_at, self._walked_at.get(post_id)
            self._walked_at[post_id] = walked_at
            if discussion.item is None or discussion.item.descendants is None:
                continue  # a job: it has no proof, so it is walked each quarter of an hour
            if before and walked_at != before and walked_at - before < DAY:
                self.walks += 1
                self.false_walks += report.drift == 0
        disputed = {post.id for post in report.stories if post.disputed}
        self.disputes += len(disputed - self._disputed)
        self._disputed = disputed


def parent_of(world: World, comment: int) -> int:
    item = world.items[comment]
    assert item is not None
    return int(item["parent"])


async def silent_day(
    kind: str, *, stories: int, period: float, changes: int, lag: float
) -> Silence:
    """
    Return the fate of *changes* in a day; the night after it shows the daily walks.
    """
    watched = Watched(stories)
    watched.world.replicas.lag = lag
    silence = Silence(watched, kind, seed=int(period))
    await watched.poll()
    chance = random.Random(f"{kind} times")
    due = sorted(START + chance.uniform(0, DAY) for _ in range(changes))
    while watched.clock.now < START + 1.35 * DAY:
        watched.clock.now += period if due or silence.open else 60
        while due and due[0] <= watched.clock.now:
            due.pop(0)
            growth.catch_up(watched.world)
            silence.change()
        silence.look(await watched.poll())
        if watched.clock.now > START + DAY and not silence.open:
            break
    return silence


KINDS = ("death", "revival", "move within", "move away", "removal")
COLUMNS = ("two polls", "15 minutes", "17 minutes", "an hour", "later", "left the list")


def print_silent(args: argparse.Namespace) -> None:
    print(f"\n### Silent changes in a day, {args.stories} stories, a poll each {args.period:g} s,")
    print(f"answers up to {args.lag:g} s late\n")
    print(f"| kind | {' | '.join(COLUMNS)} | never | median, worst | walks, in vain | disputes |")
    print(f"| --- |{' --- |' * (len(COLUMNS) + 4)}")
    for kind in args.kinds.split(","):
        silence = asyncio.run(
            silent_day(
                kind,
                stories=args.stories,
                period=args.period,
                changes=args.changes,
                lag=args.lag,
            )
        )
        cells = " | ".join(str(silence.found[column]) for column in COLUMNS)
        delays = sorted(silence.delays) or [0.0]
        print(
            f"| {kind} | {cells} | {len(silence.open)} "
            f"| {delays[len(delays) // 2] / 60:.1f} min, {delays[-1] / 3600:.1f} h "
            f"| {silence.walks}, {silence.false_walks} | {silence.disputes} |",
            flush=True,
        )


# Overlapping polls, against a real server.


async def overlapping(*, period: float, running: int, polls: int) -> list[PollReport]:
    async with Simulator(World(stories=30), latency=0.3) as simulator:
        settings = Settings(
            api_url=simulator.url, limit=30, period=period, max_running=running, polls=polls
        )
        return [report async for report in watch(settings)]


def print_overlap(polls: int = 6) -> None:
    print("\n### Overlapping polls: 30 posts, 300 ms latency, the world stands still\n")
    print("| period | --max-running | polls | requests | more | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    base = 0
    for period, running in ((20, 2), (2, 2), (2, 8)):
        start = time.monotonic()
        reports = asyncio.run(overlapping(period=period, running=running, polls=polls))
        assert {report.status for report in reports} == {"exact"}
        requests = sum(report.fetches for report in reports)
        base = base or requests
        print(
            f"| {period} s | {running} | {len(reports)} | {requests} | {requests / base - 1:+.2%} "
            f"| {time.monotonic() - start:.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hour", "new", "silent", "overlap"))
    parser.add_argument("--stories", type=int, default=50, help="watched; default: 50")
    parser.add_argument("--period", type=float, default=60, help="for silent; default: 60")
    parser.add_argument("--changes", type=int, default=200, help="of each kind; default: 200")
    parser.add_argument("--lag", type=float, default=0.0, help="of answers, for silent; default: 0")
    parser.add_argument("--kinds", default=",".join(KINDS), help="for silent; default: all")
    args = parser.parse_args()
    match args.what:
        case "hour":
            print_hours(args.stories)
        case "new":
            print_new(args.stories)
        case "silent":
            print_silent(args)
        case "overlap":
            print_overlap()


if __name__ == "__main__":
    main()
