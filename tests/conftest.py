"""Fixtures that several test modules ask for by name, and what all tests need around them."""

import logging
import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from aioresponses import aioresponses

from hn_comments.command.signals import ENDING

from .support import MS


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Have nothing around the tests change what the program does."""
    ambient = {"HN_COMMENTS_API_URL", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name in ambient or name.lower().endswith("_proxy"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> None:
    """
    Have programs under test begin with the default for each signal.

    Under nohup, and in the background of a script, some are ignored, and programs inherit
    that. They do not inherit a handler; one that does nothing ignores the signal as well.
    """
    for signum in ENDING:
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, do_nothing)


@pytest.fixture(scope="session", autouse=True)
def _no_slow_callbacks() -> None:
    """Have asyncio not log, in debug mode, that the machine is busy."""
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in str(record.msg))


def do_nothing(_signum: int, _frame: FrameType | None) -> None:
    """Ignore a signal."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries wait for milliseconds, where it is not the waiting that is tested."""
    monkeypatch.setattr("hn_comments.api.retry.FIRST_DELAY", MS)
    monkeypatch.setattr("hn_comments.api.fetcher.REFUSED_DELAY", MS)


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    with aioresponses() as mock:
        yield mock
