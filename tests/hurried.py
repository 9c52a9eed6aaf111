"""
A machine whose clock is turned: days of the program pass in seconds.

Only waiting is left out. Threads, files and sockets are real, and while one of them works, time
stands still.
"""

import asyncio
import contextlib
import selectors
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest

from hn_comments.events import Troubles
from hn_comments.service.health import Health

from .support import DEADLINE


# When it is turned on, in seconds since 1970.
START = 1_800_000_000.0


class Machine:
    """
    Its steady clock shows *now*; its wall clock is *ahead* by so many seconds of the true time.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.ahead = 0.0

    def steady(self) -> float:
        return self.now

    def true(self) -> float:
        return START + self.now

    def wall(self) -> float:
        return START + self.now + self.ahead

    def make_loop(self) -> "HurriedLoop":
        loop = HurriedLoop(self)
        # In debug mode, which -X dev turns on, it would be three times slower.
        loop.set_debug(enabled=False)
        return loop

    def turn_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the package, as far as it is imported, read the clocks of this machine."""
        monkeypatch.setattr(time, "time", self.wall)
        monkeypatch.setattr(time, "monotonic", self.steady)
        monkeypatch.setattr(time, "clock_gettime", lambda _: self.now)
        for owner in (Troubles, Health):
            *defaults, _ = owner.__init__.__defaults__  # type: ignore[misc]
            monkeypatch.setattr(owner.__init__, "__defaults__", (*defaults, self.steady))
        machine = self

        class Date(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Date":
                return cls.fromtimestamp(machine.wall(), tz)

        for name, module in [*sys.modules.items()]:
            if name.startswith("hn_comments") and getattr(module, "datetime", None) is datetime:
                monkeypatch.setattr(module, "datetime", Date)


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits for a timer, but always for a thread or a socket."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.selector = Selector(machine)
        super().__init__(self.selector)

    def time(self) -> float:
        return self.machine.now

    def run_in_executor(self, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self.selector.busy += 1
        future = super().run_in_executor(*args)
        future.add_done_callback(self._end_work)
        return future

    def _end_work(self, _: asyncio.Future[Any]) -> None:
        self.selector.busy -= 1

    @contextlib.contextmanager
    def in_real_time(self) -> Iterator[None]:
        """Let time stand still: something outside of the loop is to answer."""
        self.selector.busy += 1
        try:
            yield
        finally:
            self.selector.busy -= 1


class Selector(selectors.DefaultSelector):
    """It does not wait, unless something is *busy*: the time it should have waited has passed."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.busy = 0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if self.busy or timeout is None:
            # A thread works, perhaps one that the loop started to end others.
            found = super().select(DEADLINE)
            assert found, "nothing is left to wait for"
            return found
        self.machine.now += max(timeout, 0.0)
        return found


def date_of(seconds: float) -> str:
    """Return a moment of the machine, as a log has it."""
    return f"{datetime.fromtimestamp(START + seconds, UTC):%d %b %H:%M:%S}"
