"""
Stop tasks, and be sure that they have stopped.
"""

import asyncio
from collections.abc import Iterable
from typing import Any


async def stop_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """
    Cancel *tasks*, first to last, and return when all of them have stopped.

    Being cancelled meanwhile does not cut the wait short: nothing is left running
    behind its owner's back. The cancellation is raised afterwards, as TaskGroup does.
    """
    pending = {task for task in tasks if not task.done()}
    for task in tasks:
        task.cancel()

    interruption: asyncio.CancelledError | None = None
    while pending:
        try:
            _, pending = await asyncio.wait(pending)
        except asyncio.CancelledError as exc:
            interruption = exc
            pending = {task for task in pending if not task.done()}
    if interruption is not None:
        raise interruption
