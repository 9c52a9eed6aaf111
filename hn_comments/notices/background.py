"""
Tasks that nobody waits for: fire and forget, but neither lost nor left behind.

Each is named and kept until it ends, since the event loop itself does not keep it (see
https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task). Its exception is
retrieved and told once; there are at most so many at a time; and at the end of the program they
are given some seconds, then cancelled and awaited.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..tasks import stop_tasks


# Tasks at a time: each receiver has one, and the heartbeat has its own.
MAX_AT_ONCE = 100


class Background:
    """
    The tasks; *on_error* is called with the name and the exception of one that failed.
    """

    def __init__(self, on_error: Callable[[str, BaseException], object]) -> None:
        self.on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> bool:
        """
        Start *work* and forget about it; return False where there are too many already.
        """
        if len(self._tasks) >= MAX_AT_ONCE:
            work.close()
            return False
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._record_end)
        return True

    async def drain(self, seconds: float) -> None:
        """
        Wait until all tasks have ended, for so many seconds; then cancel what is left.
        """
        try:
            if self._tasks:
                await asyncio.wait([*self._tasks], timeout=seconds)
        finally:
            await stop_tasks([*self._tasks])

    def _record_end(self, task: asyncio.Task[None]) -> None:
        """
        Done-callback: retrieve the exception of a task, and tell it.
        """
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self.on_error(task.get_name(), exc)
