"""
The pytest plugin of `mutants`: sorts tests, times them, and ends those that take far too long.
"""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest


# What the plugin is told: the file with the tests in order, and the one for their times.
ORDER, TIMED = "MUTANTS_ORDER", "MUTANTS_TIMED"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Sort the tests as they are wanted.
    """
    if ORDER in os.environ:
        ranks = {test: rank for rank, test in enumerate(read_order())}
        items.sort(key=lambda item: ranks.get(item.nodeid, len(ranks)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """
    End a test that takes far longer than without a change.
    """
    if ORDER not in os.environ:
        return (yield)
    signal.signal(signal.SIGALRM, give_up)
    # Again and again, where what is tested goes on after an exception.
    signal.setitimer(signal.ITIMER_REAL, read_order()[item.nodeid], 2)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def read_order() -> dict[str, float]:
    found: dict[str, float] = json.loads(Path(os.environ[ORDER]).read_text())
    return found


def give_up(_signum: int, _frame: FrameType | None) -> None:
    raise TimeoutError("far longer than without a change")


class Timer:
    """
    Adds up the seconds of each test.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def pytest_sessionfinish(self) -> None:
        Path(os.environ[TIMED]).write_text(json.dumps(self.seconds))


def pytest_configure(config: pytest.Config) -> None:
    if TIMED in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Timer())
