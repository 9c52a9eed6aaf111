"""Fixtures that several test modules ask for by name, and what all tests need around them."""

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from aioresponses import aioresponses

from hn_comments.command.signals import ENDING

from .browsing import Open
from .support import MS


# The names under which systems install Chromium.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a Chromium, which is one for all tests of a process."""
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no Chromium")
    with sync_api.sync_playwright() as playwright:
        # Its own sandbox does not work for root, nor in most containers.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page_errors() -> Iterator[list[str]]:
    """Collect what goes wrong in pages: nothing may, unless a test takes it out."""
    errors: list[str] = []
    yield errors
    assert not errors


@pytest.fixture
def open_page(browser: Any, page_errors: list[str]) -> Iterator[Open]:
    """Open a page, in a window of its own."""
    contexts = []

    def note(message: Any) -> None:
        # A program that is gone does not answer, and Chromium says that, too.
        if message.type == "error" and not message.text.startswith("Failed to load"):
            page_errors.append(message.text)

    def open_page(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        page.on("console", note)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
