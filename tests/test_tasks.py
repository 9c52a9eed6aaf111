"""Stopped tasks have really stopped."""

import asyncio
import threading

import pytest

from hn_comments.tasks import gather_or_stop, in_thread, stop_tasks

from .support import DEADLINE, MS, eventually


class Stubborn:
    """A task that takes a while to clean up."""

    def __init__(self) -> None:
        self.cleaned_up = False
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(50 * MS)
            self.cleaned_up = True


async def test_stop_waits_for_the_clean_up() -> None:
    """A cancelled task runs on until its clean-up is done."""
    stubborn = Stubborn()
    await asyncio.sleep(0)

    await stop_tasks([stubborn.task])

    assert stubborn.cleaned_up


async def test_being_cancelled_does_not_cut_the_wait_short() -> None:
    """The cancellation is raised, but not before the tasks have stopped."""
    stubborn = Stubborn()
    stopping = asyncio.create_task(stop_tasks([stubborn.task]))
    await asyncio.sleep(10 * MS)

    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping

    assert stubborn.cleaned_up


async def test_failure_stops_the_others_before_it_is_raised() -> None:
    """The caller gets the plain error, and no task runs on."""

    async def fail() -> None:
        raise ZeroDivisionError

    stubborn = Stubborn()
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await gather_or_stop([asyncio.create_task(fail()), stubborn.task])

    assert stubborn.cleaned_up


async def test_thread_that_was_given_up_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result comes too late, and nobody is told."""
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    go_on, threads = threading.Event(), list[threading.Thread]()

    def work() -> None:
        threads.append(threading.current_thread())
        go_on.wait(DEADLINE)

    working = asyncio.create_task(in_thread(work, name="slow"))
    await eventually(lambda: threads)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    go_on.set()
    threads[0].join(DEADLINE)

    assert not threads[0].is_alive()
    assert complaints == []


async def test_result_and_error_of_a_thread_are_its_callers() -> None:
    """The thread has the name that was asked for."""
    assert await in_thread(lambda: threading.current_thread().name, name="one") == "one"
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0, name="two")
