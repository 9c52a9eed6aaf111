"""
Run tasks concurrently, stop them for sure, and wait: for threads, and between tries.
"""

import asyncio
import concurrent.futures
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar


T = TypeVar("T")

# Tasks started at once for one node, so that 100,000 direct replies do not take the memory of
# as many tasks. Far more than requests in flight, so no request waits for it.
MAX_TASKS = 1000

# Each delay is at least this share of its nominal length; the rest is random, so that those who
# failed together do not come back together.
MIN_SHARE = 0.5


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


async def in_thread(function: Callable[[], T], *, name: str) -> T:
    """
    Return what *function* returns, called in a thread that nobody waits for.

    asyncio's own threads are waited for at the end of the program, whatever they do. One that
    was given up goes on until it ends, and nobody hears its result.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        # From here on it cannot be cancelled.
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function())
        except Exception as exc:  # noqa: BLE001 - it is raised where the result is awaited
            future.set_exception(exc)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)


def delays(first: float, most: float) -> Iterator[float]:
    """
    Yield delays in seconds, each about twice the one before, for ever.
    """
    nominal = first
    while True:
        yield nominal * random.uniform(MIN_SHARE, 1)
        nominal = min(2 * nominal, most)
