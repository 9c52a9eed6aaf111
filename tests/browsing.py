"""
A page in a browser, the command that serves one, and what is looked for in it.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hn_comments.simulator import RunningSimulator, World

from .support import COMMAND, COMPLAINTS, MS


Open = Callable[..., Any]

PHONE = {"width": 390, "height": 844}

# What stands where nothing is known.
NONE = "\N{EN DASH}"

# What a page would call that could run what a title says.
BETRAYED = "window.betrayed = true"

# Whether a page hears of polls.
LISTENS = "() => live.stream?.readyState === EventSource.OPEN"

# A period in which a test need not wait for what is new.
SHORT = ("--period", str(200 * MS))


@contextmanager
def simulating(world: World) -> Iterator[RunningSimulator]:
    """Run a simulator of *world*."""
    simulator = RunningSimulator(world)
    try:
        yield simulator
    finally:
        simulator.stop()


@dataclass
class Served:
    """The command with --serve, and the address of its page."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rsplit(":", 1)[1])


@contextmanager
def serving(api: RunningSimulator, *options: str, port: int = 0) -> Iterator[Served]:
    """Watch *api* and serve the page, until the end; nothing may be wrong then."""
    command = [*COMMAND, "--api-url", api.url, "--serve", str(port), "--quiet", *options]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            # Which port is said only where it was not chosen.
            line = "" if port else process.stderr.readline()
            found = re.search(r"Serving (http://\S+)$", line)
            assert port or found, line + process.stderr.read()
            yield Served(process, found[1] if found else f"http://127.0.0.1:{port}/")
        finally:
            process.terminate()
            rest = process.stderr.read()
        assert not COMPLAINTS.search(rest), rest
        assert process.wait() == 143


def column(page: Any, name: str) -> list[str]:
    """Return the texts of a column, from top to bottom."""
    cells = page.locator(f"#table tbody tr:not([hidden]) > .{name}")
    return [text.strip() for text in cells.all_inner_texts()]


def numbers(texts: list[str]) -> list[int]:
    return [int(text.lstrip("≥+ ").replace(",", "")) for text in texts if text != NONE]


def focused(page: Any) -> str:
    """Return what the element in focus says."""
    text = page.evaluate("document.activeElement.innerText")
    assert isinstance(text, str)
    return text


def width_of(page: Any) -> int:
    """Return how wide the page is; more than its window, if it can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def check_accessibility(page: Any) -> None:
    """Have axe-core look at a page; it may find nothing that is serious."""
    axe = os.environ.get("HN_COMMENTS_TESTS_AXE")
    if not axe:
        pytest.skip("HN_COMMENTS_TESTS_AXE names no file of axe-core")
    page.evaluate(Path(axe).read_text(encoding="utf-8"))

    found = page.evaluate("axe.run()")

    assert len(found["passes"]) > 20
    faults = [(fault["id"], fault["impact"]) for fault in found["violations"]]
    assert not [fault for fault in faults if fault[1] in {"serious", "critical"}]
