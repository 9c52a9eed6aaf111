"""What is printed where, what counts as told, and what a lost reader or file does."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from hn_comments import PollReport, Settings
from hn_comments.events import NotTold, PollBegan
from hn_comments.models import INTERRUPTED
from hn_comments.output.printer import LOG_ROOM, CannotWriteError, Printer

from .reports import post, report
from .support import DEADLINE, posix_only


class Desk:
    """A printer, and what it has printed."""

    def __init__(self, directory: Path, settings: dict[str, Any]) -> None:
        self.out, self.err = directory / "out", directory / "err"
        self.stops = 0
        self.printer = Printer(Settings(**settings), stop=self.stop)

    def stop(self) -> None:
        self.stops += 1

    def printed(self) -> tuple[str, str]:
        """Return what stdout and stderr have got by now, without the times."""
        assert self.printer.writer.wait(DEADLINE)
        texts = (path.read_text(encoding="utf-8") for path in (self.out, self.err))
        out, err = (
            "".join(strip(line) for line in text.splitlines(keepends=True)) for text in texts
        )
        return out, err


def strip(line: str) -> str:
    return line[11:] if line.startswith("[") else line


@contextlib.contextmanager
def printing(directory: Path, stdout: TextIO | None = None, **settings: Any) -> Iterator[Desk]:
    """Give a printer to files, and leave logging as it was."""
    root, ours = logging.getLogger(), logging.getLogger("hn_comments")
    handlers, level = [*root.handlers], ours.level
    with (
        (directory / "out").open("w", encoding="utf-8") as out,
        (directory / "err").open("w", encoding="utf-8") as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdout", stdout or out)
        patch.setattr(sys, "stderr", err)
        desk = Desk(directory, settings)
        try:
            yield desk
        finally:
            # The files are closed then.
            desk.printed()
            logging.captureWarnings(capture=False)
            root.handlers[:] = handlers
            ours.setLevel(level)


def failed(number: int, **fields: Any) -> PollReport:
    return report(poll=number, failed=True, error="oops", **fields)


def test_results_go_to_stdout_and_the_rest_to_stderr(tmp_path: Path) -> None:
    """Each at once."""
    with printing(tmp_path) as desk:
        desk.printer.open()
        desk.printer.tell(PollBegan(poll=1, list="top", posts=1))
        desk.printer.publish(report(post(1)))
        out, err = desk.printed()

    assert out == "Post 1 has 30 comments (1)  Title 1\n"
    assert err == (
        "Calculating comments for top 1 stories. (1)\n"
        "> Calculating comments took 0.25 seconds and 3 fetches\n"
    )
    assert desk.printer.error is None
    assert desk.stops == 0


def test_poll_is_told_when_its_lines_are_written(tmp_path: Path) -> None:
    """Also one that has no lines; the number is that of the last one."""
    with printing(tmp_path, changes_only=True) as desk:
        desk.printer.open()
        assert desk.printer.told() == 0
        desk.printer.publish(report(post(1, new=3), poll=1))
        desk.printed()
        assert desk.printer.told() == 1
        desk.printer.publish(report(post(1, shown=False), poll=2))
        assert desk.printer.told() == 2


@posix_only
def test_poll_that_nobody_has_read_is_not_told(tmp_path: Path) -> None:
    """A full pipe holds up its lines."""
    reader, writer = os.pipe()
    many = report(*(post(number) for number in range(5000)), poll=3)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe, printing(tmp_path, pipe) as desk:
        desk.printer.open()
        desk.printer.publish(many)
        desk.printer.publish(report(post(1), poll=4))
        told = desk.printer.told()
        with os.fdopen(reader, "rb") as stream:
            end = time.monotonic() + DEADLINE
            while desk.printer.told() < 4 and time.monotonic() < end:
                stream.read1()

    assert told == 0
    assert desk.printer.told() == 4


def test_last_report_is_the_one_of_the_last_poll(tmp_path: Path) -> None:
    """Polls may end in another order; one that was interrupted says nothing."""
    with printing(tmp_path) as desk:
        desk.printer.open()
        for number, error in ((1, None), (3, None), (2, None), (4, INTERRUPTED)):
            desk.printer.publish(report(post(1), poll=number, error=error))
        desk.printed()

    assert desk.printer.last is not None
    assert desk.printer.last.poll == 3


def test_cost_of_one_more_failed_poll_is_no_news(tmp_path: Path) -> None:
    """That of the first one is, and that of a good one."""
    with printing(tmp_path) as desk:
        desk.printer.open()
        for number, failures in ((1, 0), (2, 1), (3, 2)):
            desk.printer.tell(PollBegan(poll=number, list="top", posts=1, failures=failures))
            desk.printer.publish(failed(number, seconds=number))
        desk.printer.publish(report(post(1), poll=4, seconds=4))
        _, err = desk.printed()

    assert err.count("> Calculating comments took") == 2
    assert "took 1.00 seconds" in err
    assert "took 4.00 seconds" in err


@pytest.mark.parametrize(("new", "lines"), [(0, 0), (2, 1)])
def test_poll_without_news_says_nothing(new: int, lines: int, tmp_path: Path) -> None:
    """With --changes-only, that is."""
    with printing(tmp_path, changes_only=True) as desk:
        desk.printer.open()
        desk.printer.publish(report(post(1, new=new, shown=bool(new)), poll=2))
        out, err = desk.printed()

    assert (out.count("\n"), err.count("\n")) == (lines, lines)


def test_news_that_reached_nobody_are_remembered(tmp_path: Path) -> None:
    """Whatever is told afterwards."""
    with printing(tmp_path) as desk:
        assert not desk.printer.not_told
        desk.printer.tell(NotTold(path="h.db", news=1))
        desk.printer.tell(PollBegan(poll=1, list="top", posts=1))

        assert desk.printer.not_told


def test_file_is_appended_to(tmp_path: Path) -> None:
    """Its header is written once; after log rotation, what is at its path is opened."""
    path = tmp_path / "results.csv"
    with printing(tmp_path, output=str(path), format="csv") as desk:
        desk.printer.open()
        desk.printer.publish(report(post(1)))
        desk.printed()
        path.rename(tmp_path / "old.csv")
        desk.printer.reopen()
        desk.printer.publish(report(post(2), poll=2))
        out, _ = desk.printed()
        desk.printer.close()

    assert out == ""
    for name in ("old.csv", "results.csv"):
        header, line = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert "poll" in header
        assert "Title" in line


def test_file_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    """Of the command line."""
    with (
        printing(tmp_path, output=str(tmp_path / "nowhere" / "x")) as desk,
        pytest.raises(CannotWriteError, match="argument --output: cannot append to") as caught,
    ):
        desk.printer.open()

    assert caught.value.mistake


def test_closed_stdout_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But nothing can be told."""
    with printing(tmp_path) as desk:
        monkeypatch.setattr(sys, "stdout", None)
        with pytest.raises(CannotWriteError, match="standard output is closed") as caught:
            desk.printer.open()

    assert not caught.value.mistake


def test_file_that_is_gone_for_good_stops_the_program(tmp_path: Path) -> None:
    """It is said why; what is printed later is dropped."""
    directory = tmp_path / "logs"
    directory.mkdir()
    with printing(tmp_path, output=str(directory / "x.txt")) as desk:
        desk.printer.open()
        desk.printer.publish(report(post(1)))
        desk.printed()
        (directory / "x.txt").rename(tmp_path / "x.txt")
        directory.rmdir()
        desk.printer.reopen()
        # After that, since jobs are done in their order.
        logging.getLogger("hn_comments").info("")
        desk.printed()
        error = desk.printer.error
        desk.printer.publish(report(post(1), poll=2))
        _, err = desk.printed()

    assert isinstance(error, FileNotFoundError)
    assert "Cannot write the results: No such file or directory" in err
    assert desk.stops == 1
    assert desk.printer.told() == 1


@posix_only
def test_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """As in `| head`: the program ends, and says nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe, printing(tmp_path, pipe) as desk:
        desk.printer.open()
        desk.printer.publish(report(post(1)))
        _, err = desk.printed()

    assert desk.printer.error is None
    assert desk.stops == 1
    assert "Cannot write" not in err


def test_results_on_stdout_need_no_new_file(tmp_path: Path) -> None:
    """SIGHUP asks for one, whoever has it."""
    with printing(tmp_path) as desk:
        desk.printer.open()
        desk.printer.reopen()
        desk.printer.publish(report(post(1)))
        out, _ = desk.printed()

    assert out == "Post 1 has 30 comments (1)  Title 1\n"


def test_closed_stderr_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results are printed."""
    with printing(tmp_path) as desk:
        monkeypatch.setattr(sys, "stderr", None)
        printer = Printer(Settings(), stop=desk.stop)
        printer.open()
        printer.publish(report(post(1)))
        assert printer.writer.wait(DEADLINE)
        out, _ = desk.printed()

    assert out == "Post 1 has 30 comments (1)  Title 1\n"


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, ["INFO", "WARNING"]),
        ({"quiet": True}, ["WARNING"]),
        ({"verbose": True}, ["DEBUG", "INFO", "WARNING"]),
    ],
)
def test_how_much_is_said(settings: dict[str, Any], levels: list[str], tmp_path: Path) -> None:
    """As --quiet and --verbose want it."""
    with printing(tmp_path, **settings) as desk:
        for name in ("DEBUG", "INFO", "WARNING"):
            logging.getLogger("hn_comments.x").log(getattr(logging, name), name)
        _, err = desk.printed()

    assert err.splitlines() == levels


def test_cost_of_a_failure_that_nobody_announced_is_told(tmp_path: Path) -> None:
    """It is the first one."""
    with printing(tmp_path) as desk:
        desk.printer.open()
        desk.printer.publish(failed(1))
        _, err = desk.printed()

    assert err == "> Calculating comments took 0.25 seconds and 3 fetches\n"


def test_lines_that_nobody_reads_are_counted(tmp_path: Path) -> None:
    """They would fill the memory; what comes after them says how many there were."""
    logger, go_on = logging.getLogger("hn_comments"), threading.Event()
    with printing(tmp_path) as desk:
        desk.printer.writer.add(lambda: go_on.wait(DEADLINE), size=LOG_ROOM + 1)
        for number in range(3):
            logger.warning("%d", number)
        go_on.set()
        desk.printed()
        logger.warning("at last")
        _, err = desk.printed()

    assert err == "3 lines are left out here, since nobody read them\nat last\n"
