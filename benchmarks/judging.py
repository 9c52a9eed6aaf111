"""
The pytest plugin of `mutants`: runs tests in an order, and ends those that take far too long; or
notes how long each takes, and which of them start programs.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest


# Names the file with the tests to run, and the seconds that each has at most.
ORDER = "MUTANTS_ORDER"

# Names the file for what each test does without a change.
NOTES = "MUTANTS_NOTES"

# What Python says to its auditors when a program is started.
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Leave the tests that are wanted, in their order.
    """
    if ORDER in os.environ:
        ranks = {test: rank for rank, test in enumerate(read_order())}
        items[:] = [item for item in items if item.nodeid in ranks]
        items.sort(key=lambda item: ranks[item.nodeid])


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


class Notes:
    """
    Notes of each test how many seconds it takes, and of which it is not sure what they run.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.starters: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if any(name == "starts" for name, _ in report.user_properties):
            self.starters.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        notes = {"seconds": self.seconds, "starters": [*self.starters]}
        Path(os.environ[NOTES]).write_text(json.dumps(notes))


class Auditor:
    """
    Marks the tests that start programs, or during which one was started.
    """

    def __init__(self) -> None:
        self.started = False
        sys.addaudithook(self.hear)

    def hear(self, event: str, _: object) -> None:
        self.started = self.started or event in STARTS

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.started = False
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> None:
        if self.started:
            item.user_properties.append(("starts", True))


def pytest_configure(config: pytest.Config) -> None:
    if NOTES in os.environ:
        config.pluginmanager.register(Auditor())
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(Notes())
