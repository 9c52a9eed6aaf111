"""
Signals at random moments, in all ways of running the command.

Whatever is under way: the exit code is the signal's, files are whole, the terminal is as it was,
nothing complains, and the next run goes on from what is there.
"""

import asyncio
import csv
import io
import itertools
import json
import os
import random
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hn_comments.output.driver import ENTER, LEAVE
from hn_comments.simulator import Simulator, World

from .reports import pseudo_terminal
from .support import COMMAND, COMPLAINTS, MS, eventually, outcome, posix_only, run, started
from .terminals import User, modes_of


# What is sent, one after the other.
PLANS = (
    ("INT",),
    ("TERM",),
    ("HUP",),
    ("INT", "INT"),
    ("TERM", "TERM"),
    ("HUP", "HUP"),
    ("INT", "TERM"),
    ("TERM", "HUP"),
    ("STOP", "CONT", "INT"),
    ("STOP", "TERM", "CONT"),
)
DISPLAYS = ("text", "json", "csv", "live")

# What can be added to each of these, and what does not go together.
ADDED = ("history", "output", "serve", "comments", "receiver")
APART = {("live", "output"), ("csv", "comments")}

# Cases of a long run, and those of them in the ordinary one.
NUMBER, SAMPLE = 300, 10

# Seconds between two signals, at most, and from the first request to the first signal. Those that
# come early come while modules are imported; before our first line it is Python that answers.
PAUSE, LATEST, EARLY = 0.2, 1.5, 0.6


# Notes a figure of a test, which --junitxml has.
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Case:
    """A way of running the command, and the signals that it gets."""

    number: int
    display: str
    added: tuple[str, ...]
    plan: tuple[str, ...]
    # Whether they come while modules are imported, and the seconds before each of them.
    early: bool
    pauses: tuple[float, ...]

    def __str__(self) -> str:
        moment = "early" if self.early else f"{self.pauses[0]:.2f}s"
        return "-".join((str(self.number), self.display, *self.added, *self.plan, moment))

    @property
    def reopens(self) -> bool:
        """Whether SIGHUP means log rotation."""
        return "serve" in self.added

    @property
    def signals(self) -> tuple[str, ...]:
        """What is sent; a service needs more than a SIGHUP to end."""
        return (*self.plan, "TERM") if self.reopens and {*self.plan} == {"HUP"} else self.plan

    @property
    def is_patient(self) -> bool:
        """Whether the program is given the time to end."""
        ending = [name for name in self.signals if name not in {"STOP", "CONT"}]
        return len([name for name in ending if not self.reopens or name != "HUP"]) == 1

    @property
    def codes(self) -> set[int]:
        """The exit codes that are right."""
        ending = [name for name in self.signals if name not in {"STOP", "CONT"}]
        if self.reopens and not self.early:
            ending = [name for name in ending if name != "HUP"]
        elif not self.reopens and not self.early and ending[0] != "HUP":
            # After another signal, it is the same wish.
            ending = [name for name in ending if name != "HUP"]
        numbers = {signal.Signals[f"SIG{name}"].value for name in ending}
        codes = {128 + number for number in numbers}
        # While Python ends, nobody catches a second one.
        return codes | {-number for number in numbers if len(ending) > 1}


def make_cases() -> Iterator[Case]:
    """Yield as many cases as there are to be, each plan and each display in its turn."""
    chance = random.Random(16)
    # Three plans for each display: their numbers have a factor in common.
    pairs = zip(itertools.cycle(DISPLAYS), itertools.cycle(PLANS), strict=False)
    for number, (display, plan) in enumerate(itertools.islice(pairs, NUMBER)):
        added = [name for name in ADDED if (display, name) not in APART and chance.random() < 1 / 2]
        early = chance.random() < 1 / 6 and sys.platform == "linux"
        first = chance.uniform(0, EARLY if early else LATEST)
        later = [chance.choice((0, chance.uniform(0, PAUSE))) for _ in range(3)]
        yield Case(number, display, tuple(added), plan, early, (first, *later))


CASES = [*make_cases()]


def options_for(case: Case, url: str, folder: Path) -> list[str]:
    """Return the command line of a case."""
    options = ["--api-url", url, "--limit", "6", "--period", "0.3", "--threshold", "10"]
    options += ["--live"] if case.display == "live" else ["--format", case.display]
    words = {
        "history": ["--history", str(folder / "history.db")],
        "output": ["--output", str(folder / "rows")],
        "serve": ["--serve", "0"],
        "comments": ["--comments"],
        "receiver": ["--notify-command", f"sh -c 'cat >> {folder / 'notices'}; sleep 0.1'"],
    }
    return [*options, *(word for name in case.added for word in words[name])]


def is_caught(process: Process) -> bool:
    """Return whether a process catches SIGTERM already, as Linux tells."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return True  # It has ended.
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def send(process: Process, case: Case) -> None:
    """Send the signals, each in its time."""
    for name, seconds in zip(case.signals, (*case.pauses, PAUSE), strict=False):
        await asyncio.sleep(seconds * 1000 * MS)
        # Not send_signal(): it may take the exit code away from who waits for it.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.Signals[f"SIG{name}"])


@asynccontextmanager
async def terminal_for(case: Case) -> AsyncIterator[dict[str, Any]]:
    """Give the streams of a case; a terminal is afterwards as it was."""
    if case.display != "live":
        yield {}
        return
    loop = asyncio.get_running_loop()
    with pseudo_terminal() as (fd, program):
        user, before = User(fd), modes_of(program)
        loop.add_reader(fd, user.read)
        try:
            yield dict.fromkeys(("stdin", "stdout", "stderr"), program)
        finally:
            loop.remove_reader(fd)
        user.read()
        assert modes_of(program) == before
        assert user.received.count(ENTER) == user.received.count(LEAVE)
        assert not COMPLAINTS.search(user.received), user.received


async def run_case(case: Case, options: list[str], simulator: Simulator, record: Record) -> str:
    """Send a program its signals, and return what it wrote to a standard output that is a pipe."""
    async with (
        terminal_for(case) as streams,
        started(*COMMAND, *options, start_new_session=True, **streams) as process,
    ):
        await eventually(lambda: is_caught(process) if case.early else simulator.requests)
        await send(process, case)
        at = time.monotonic()
        code, stdout, stderr = await outcome(process)
        record("seconds", time.monotonic() - at)
    assert code in case.codes, (code, stderr)
    return stdout


def read_rows(case: Case, text: str) -> list[dict[str, Any]]:
    """Return the rows that were written; each is whole."""
    assert not text or text.endswith("\n"), text[-200:]
    if case.display == "json":
        return [json.loads(line) for line in text.splitlines()]
    if case.display == "csv":
        rows = [*csv.DictReader(io.StringIO(text), strict=True)]
        assert all(None not in row and None not in row.values() for row in rows)
        return rows
    return []


def check_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """See that the file is sound, and that each poll that was printed is in it."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        (polls,) = connection.execute("SELECT count(*) FROM polls").fetchone()
    assert polls >= max((int(row["poll"]) for row in rows), default=0)


def comments_in(rows: list[dict[str, Any]]) -> set[int]:
    return {row["id"] for row in rows if row.get("type") == "comment"}


async def check(case: Case, folder: Path, record: Record) -> None:
    """Run the command, end it, look at what it leaves, and have the next run go on from there."""
    output, history = folder / "rows", folder / "history.db"
    async with Simulator(World(seed=case.number, stories=6, rate=1200), latency=0.02) as simulator:
        options = options_for(case, simulator.url, folder)
        stdout = await run_case(case, options, simulator, record)
        written = output.read_text() if output.exists() else stdout
        rows = read_rows(case, written)
        if history.exists():
            check_history(history, rows)
            again = [word for word in options if word not in {"--serve", "0", "--live"}]
            code, stdout, _ = await run(*COMMAND, *again, "--once")
            assert code == 0
            if output.exists():
                stdout = output.read_text().removeprefix(written)
            more = read_rows(case, stdout)
            # Who leaves at once cannot note what was told.
            if case.is_patient:
                assert not comments_in(rows) & comments_in(more)
    record("polls", len([row for row in rows if row.get("type") == "poll"]))


@pytest.mark.parametrize("case", CASES[:SAMPLE], ids=str)
@posix_only
async def test_some_signals(case: Case, tmp_path: Path, record_property: Record) -> None:
    """The first cases, which have each plan once."""
    await check(case, tmp_path, record_property)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES[SAMPLE:], ids=str)
@posix_only
async def test_all_signals(case: Case, tmp_path: Path, record_property: Record) -> None:
    """The others, of three hundred."""
    await check(case, tmp_path, record_property)


def test_sample_has_all_ways() -> None:
    """So that the ordinary run misses none altogether."""
    sample = CASES[:SAMPLE]

    assert {case.plan for case in sample} == {*PLANS}
    assert {case.display for case in sample} == {*DISPLAYS}
    assert {name for case in sample for name in case.added} == {*ADDED}
    assert {case.early for case in sample} == {False, sys.platform == "linux"}
