"""
Time limits for many requests at once, kept by one timer.

All requests may take equally long, so deadlines pass in the order in which requests were
sent. A timer for each request would be a tenth of what a fetch costs.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Deadlines:
    """
    Limits of *seconds* each; `with deadlines.start():` runs a block under one.

    As with `async_timeout.timeout`, a block that takes longer is cancelled, and raises
    `TimeoutError`; a cancellation from elsewhere passes.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # The first to end comes first: a dictionary keeps the order.
        self.running: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, on_expiry: Callable[[], object] = lambda: None) -> "Deadline":
        """
        Return a limit for the current task, which starts now.

        *on_expiry* is called when the time is over, before the block is cancelled.
        """
        loop = asyncio.get_running_loop()
        deadline = Deadline(self, loop.time() + self.seconds, on_expiry)
        if self._timer is None:
            self._timer = loop.call_at(deadline.at, self._on_time)
        return deadline

    def close(self) -> None:
        """
        Stop the timer.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        """
        Cancel the blocks whose time is over, and set the timer for the next one.
        """
        self._timer = None
        loop = asyncio.get_running_loop()
        for deadline in tuple(self.running):
            if deadline.at > loop.time():
                self._timer = loop.call_at(deadline.at, self._on_time)
                return
            deadline.expire()


class Deadline:
    """
    The time limit of one block in one task.
    """

    __slots__ = ("_cancelling", "_expired", "_on_expiry", "_owner", "_task", "at")

    def __init__(self, owner: Deadlines, at: float, on_expiry: Callable[[], object]) -> None:
        self.at = at
        self._owner = owner
        self._on_expiry = on_expiry
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._owner.running[self] = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> None:
        self._owner.running.pop(self, None)
        # A cancellation by somebody else goes on as one, also when the time is over.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from exc

    def expire(self) -> None:
        """
        Cancel the block.
        """
        del self._owner.running[self]
        self._expired = True
        self._on_expiry()
        self._task.cancel()
