"""
A quarter of a year of the command, as a service runs it: nothing is lost, and nothing grows.

All of it is real but the network and the time (see `hurried` and `site`): the command line, the
polls, the history file, the output, the port, and the signals that end it each night.
"""

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import statistics
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web_app

import hn_comments.service.server  # noqa: F401 - it has to be there before its clock is turned
from hn_comments import Notice, PollReport, Session
from hn_comments.__main__ import main
from hn_comments.command.signals import ENDING, EXIT_SIGNAL
from hn_comments.events import Event, Serving
from hn_comments.notices.message import NotTaken
from hn_comments.output.printer import Printer
from hn_comments.simulator import World

from .hurried import HurriedLoop, Machine
from .site import DAY, HOUR, MINUTE, Site
from .support import COMPLAINTS, posix_only
from .witnessed import Judge, Rows


STORIES = 10
THRESHOLDS = ("50", "200", "30/h")
KEEP = 10

# Days between the restarts of each night when there is none: whatever grows has the time.
QUIET_DAYS = range(50, 64)

# The days on which the clock is set, for how long, and how far ahead.
CLOCKS = {16: (2 * HOUR, -HOUR), 30: (HOUR, 3 * HOUR), 44: (10 * MINUTE, 400 * DAY)}

# The hour of the day at which the program is restarted, and the day with the long outage.
NIGHT, LONG_OUTAGE = 3 * HOUR, (25, 6 * HOUR)

# The share of notices that the receiver does not take, and hours of the day when it takes none.
REFUSED, DOWN = 0.05, (20, 22)


# By how much what the program uses in the last week may exceed what it used in the second one.
FLAT = 1.25


class Sample(NamedTuple):
    """What the program uses at the end of a day, and the lines that it said in it."""

    day: int
    polls: int
    memory: int
    objects: int
    files: int
    threads: int
    tasks: int
    size: int
    lines: int


class Quarter:
    """The machine, the site, and who looks after both."""

    def __init__(
        self,
        folder: Path,
        *,
        days: int,
        period: float,
        clocks: Mapping[int, tuple[float, float]],
        seed: int = 1,
    ) -> None:
        self.folder = folder
        self.days = days
        self.period = period
        self.chance = random.Random(seed)
        self.machine = Machine()
        self.site = Site(self.machine, watched=STORIES, seed=seed)
        self.judge = Judge(self.site, THRESHOLDS, folder / "problems")
        self.rows = Rows(folder / "rows.jsonl")
        self.samples: list[Sample] = []
        self.visits = 0
        self.url = ""
        self._is_over = False
        self._lines = 0
        self._last: PollReport | None = None
        self._visit: asyncio.Task[None] | None = None
        # What is to be done, at which time; the first comes last.
        self._plan: list[tuple[float, Callable[[], object]]] = []
        self._make_plan(clocks)

    def _make_plan(self, clocks: Mapping[int, tuple[float, float]]) -> None:
        for day in range(self.days):
            start = day * DAY
            # One does not begin with an outage: that is what --max-errors is for.
            outage = start + self.chance.uniform(HOUR, DAY - HOUR)
            self.site.outages.append((outage, outage + MINUTE))
            self._at(start + 6 * HOUR, partial(self.rows.rotate, truncate=day % 2 == 1))
            if day not in QUIET_DAYS:
                self._at(start + NIGHT, self._restart)
            for _ in range(18):
                self._at(start + self.chance.uniform(0, DAY), self.site.moderate)
            for hour in range(24):
                self._at(start + hour * HOUR + 900, self._visit_port)
                if hour % 6 == 5:
                    self._at(start + hour * HOUR, self._forget)
            self._at(start + NIGHT - 60, partial(self._sample, day))
            if day in clocks:
                seconds, ahead = clocks[day]
                # Over the restart.
                self._at(start + NIGHT - seconds / 2, partial(self._set_clock, ahead))
                self._at(start + NIGHT + seconds / 2, partial(self._set_clock, 0.0))
            if day == LONG_OUTAGE[0]:
                self.site.outages.append((start + HOUR, start + HOUR + LONG_OUTAGE[1]))
        self._at(self.days * DAY, self._restart)
        self._plan.sort(key=lambda entry: -entry[0])

    def _at(self, moment: float, work: Callable[[], object]) -> None:
        self._plan.append((moment, work))

    # What happens.

    def _restart(self) -> None:
        """End the program soon: between two polls, or in one."""
        loop = asyncio.get_running_loop()
        loop.call_later(
            self.chance.uniform(0, self.period + 1), os.kill, os.getpid(), signal.SIGTERM
        )

    def _forget(self) -> None:
        self.site.forget()
        self.judge.forget()

    def _set_clock(self, ahead: float) -> None:
        self.machine.ahead = ahead

    def _visit_port(self) -> None:
        if self._visit is not None and (not self._visit.done() or self._visit.exception()):
            self.judge.complain(f"a visit to the port: {self._visit}")
        self._visit = asyncio.create_task(self._look(self.url, self._last), name="visit")

    async def _look(self, url: str, report: PollReport | None) -> None:
        """Look at the port as a browser, Prometheus and a container do."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HurriedLoop)
        assert report is not None
        with loop.in_real_time():
            async with aiohttp.ClientSession() as browser:
                async with browser.get(f"{url}health") as response:
                    assert response.status == 200, await response.text()
                async with browser.get(f"{url}metrics") as response:
                    assert "hn_comments_" in await response.text()
                async with browser.get(f"{url}events") as response:
                    head = await response.content.read(500)
                    assert b"event: poll" in head, head
                async with browser.get(f"{url}latest.json") as response:
                    latest = await response.json()
        assert report.status == "failed" or latest["poll"]["poll"] >= report.poll
        self.visits += 1

    def _sample(self, day: int) -> None:
        gc.collect()
        ours = sum(is_ours(thing) for thing in gc.get_objects())
        statm = Path("/proc/self/statm")
        pages = int(statm.read_text().split()[1]) if statm.exists() else 0
        names = [self.folder / f"history.db{end}" for end in ("", "-wal")]
        sample = Sample(
            day=day,
            polls=self.judge.counted["polls"],
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
            objects=ours,
            files=sum(1 for _ in Path("/dev/fd").iterdir()),
            threads=sum(thread.name != "writer" for thread in threading.enumerate()),
            tasks=len(asyncio.all_tasks()),
            size=sum(name.stat().st_size for name in names if name.exists()),
            lines=(self.folder / "stderr").read_bytes().count(b"\n") - self._lines,
        )
        self.samples.append(sample)
        self._lines += sample.lines
        with (self.folder / "samples").open("a") as file:
            file.write(f"{sample} {dict(self.judge.counted)} {len(self.judge.found)}\n")

    # What the program does.

    def live(self) -> None:
        """Run the program again and again, until it is over."""
        while self.machine.now < self.days * DAY:
            if not self._live_once():
                return
        self._is_over = True
        self._at(0, self._restart)
        self._live_once()

    def _live_once(self) -> bool:
        with leaving_nothing():
            code = self.run()
        if code != EXIT_SIGNAL + signal.SIGTERM:
            self.judge.complain(f"it ended with {code}")
        self.machine.now += self.chance.uniform(5, 60)
        return code == EXIT_SIGNAL + signal.SIGTERM

    def tell(self, event: Event) -> None:
        """Hear what it says."""
        if isinstance(event, Serving):
            self.url = event.url

    def publish(self, report: PollReport) -> None:
        """Look at what a poll has found, when that is written."""
        self._last = report
        self.judge.judge(report, self.rows.take())
        while self._plan and self._plan[-1][0] <= self.machine.now:
            self._plan.pop()[1]()

    async def send(self, notice: Notice) -> None:
        """Be told, if it is not one of those moments."""
        await asyncio.sleep(self.chance.uniform(0, 2))
        hour = self.machine.now % DAY / HOUR
        if not self._is_over and DOWN[0] <= hour < DOWN[1]:
            raise NotTaken("closed")
        if not self._is_over and self.chance.random() < REFUSED:
            raise NotTaken("come back later")
        self.judge.take(notice)

    def run(self) -> int:
        """Run the command, until a signal ends it, and return its exit code."""
        options = {
            "--api-url": "http://127.0.0.1:9/v0",
            "--limit": STORIES,
            "--period": self.period,
            "--max-errors": 0,
            "--format": "json",
            "--output": self.rows.path,
            "--history": self.folder / "history.db",
            "--keep": f"{KEEP}d",
            "--notify-command": "true",
            "--serve": 0,
        }
        words = [word for name, value in options.items() for word in (name, str(value))]
        thresholds = [word for number in THRESHOLDS for word in ("--threshold", number)]
        return main([*words, *thresholds, "--comments", "--quiet"])


def is_ours(thing: object) -> bool:
    """Return whether an object belongs to the program, and not to the simulator or to tests."""
    module = str(type(thing).__module__)
    return module.startswith("hn_comments.") and not isinstance(thing, World)


@contextlib.contextmanager
def leaving_nothing() -> Iterator[None]:
    """Undo what a command leaves to the end of its process."""
    handlers, thresholds = [*logging.getLogger().handlers], gc.get_threshold()
    # Those of pytest keep what they hear.
    logging.getLogger().handlers.clear()
    answers = {signum: signal.getsignal(signum) for signum in ENDING}
    try:
        yield
    finally:
        for signum, handle in answers.items():
            signal.signal(signum, handle)
        logging.captureWarnings(capture=False)
        # aiohttp keeps what the last thousand servers had to call.
        web_app._cached_build_middleware.cache_clear()
        logging.getLogger().handlers[:] = handlers
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        # Otherwise the next run would freeze what is left of this one.
        gc.collect()


@pytest.fixture
def quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Quarter]]:
    """Return what makes a machine, and turns it on."""
    logger = logging.getLogger("hn_comments")
    level = logger.level
    with (tmp_path / "stderr").open("w") as stderr:

        def make(**settings: Any) -> Quarter:
            made = Quarter(tmp_path, **settings)
            monkeypatch.setattr(sys, "stderr", stderr)
            put_in_place(made, monkeypatch)
            return made

        yield make
        monkeypatch.undo()
    logger.setLevel(level)


def put_in_place(quarter: Quarter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program watch a site, on a machine, and somebody watch it."""

    class Watched(Printer):
        def close(self) -> None:
            super().close()
            # Its thread stays to the end of the process, and would keep all that can be stopped.
            self.stop = lambda: None

        def publish(self, report: PollReport) -> None:
            super().publish(report)
            assert self.writer.wait(60)
            quarter.publish(report)

        def tell(self, event: Event) -> None:
            super().tell(event)
            quarter.tell(event)

    class Receiver:
        name = "receiver"
        send = staticmethod(quarter.send)

    async def send(_session: Session, path: str, _url: object, _attempt: object) -> bytes:
        return await quarter.site.send(path)

    monkeypatch.setattr(Session, "_send", send)
    command = "hn_comments.command.run"
    monkeypatch.setattr(f"{command}.Printer", Watched)
    monkeypatch.setattr(f"{command}.loop_factory", lambda: quarter.machine.make_loop)
    monkeypatch.setattr("hn_comments.notices.receivers.make_receivers", lambda _: [Receiver()])
    quarter.machine.turn_on(monkeypatch)


def check(quarter: Quarter) -> None:
    """Compare what a quarter has left with what it should have left."""
    judge = quarter.judge
    judge.end()
    said = (quarter.folder / "stderr").read_text()
    assert not judge.problems, "\n".join(judge.problems)
    assert not COMPLAINTS.search(said), said[-2000:]
    assert judge.counted["counts right"] > judge.counted["counts"] / 2
    assert judge.taken
    assert judge.counted["comments"]
    assert quarter.visits > 20 * quarter.days


@posix_only
def test_day(quarter: Callable[..., Quarter]) -> None:
    """With a restart, and all that can happen in a day."""
    day = quarter(days=1, period=300, clocks={0: (HOUR, -HOUR)})

    day.live()

    check(day)


@pytest.mark.long
@posix_only
def test_quarter(quarter: Callable[..., Quarter]) -> None:
    """A hundred thousand polls: nothing is lost, and nothing grows."""
    whole = quarter(days=90, period=75, clocks=CLOCKS)

    whole.live()

    check(whole)
    assert whole.judge.counted["polls"] > 100_000
    found = sorted(whole.judge.found)
    # By `descendants`, or by the whole walk of each day.
    assert found[len(found) * 9 // 10] < 20 * MINUTE
    assert found[-1] < DAY + HOUR
    check_flatness(whole.samples)


def check_flatness(samples: list[Sample]) -> None:
    """See that what the program uses in the last week is what it used in the second one."""
    for figure in ("memory", "objects", "files", "threads", "tasks", "size", "lines"):
        then, now = (
            statistics.mean(getattr(sample, figure) for sample in week)
            for week in (samples[7:14], samples[-7:])
        )
        assert now < FLAT * then + 1, (figure, samples)
