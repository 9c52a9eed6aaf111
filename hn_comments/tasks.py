"""
Run tasks concurrently, stop them, and be sure that they have stopped.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar


T = TypeVar("T")

# Tasks started at once for one node, so that 100,000 direct replies do not take the memory of
# as many tasks. Far more than requests in flight, so no request waits for it.
MAX_TASKS = 1000


async def gather_or_stop(tasks: Sequence[asyncio.Task[T]]) -> list[T]:
    """
    Return what *tasks* return; when one fails or this is cancelled, stop all of them first.
    """
    # gather() and not a TaskGroup, so that the caller gets the plain error, not a group. But
    # gather() lets the siblings of a failed child run on: they are stopped, and awaited,
    # before the error travels upwards.
    try:
        return await asyncio.gather(*tasks)
    finally:
        await stop_tasks(tasks)


async def stop_tasks(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """
    Cancel *tasks*, first to last, and return when all of them have stopped.

    A cancellation meanwhile does not cut the wait short, or tasks would go on without an
    owner. It is raised afterwards, as TaskGroup does.
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
