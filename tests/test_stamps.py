"""How lines of the log begin: for people, for files that are read weeks later, for the journal."""

import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from hn_comments import Settings
from hn_comments.output.stamps import MAX_LINE, choose_formatter, is_service, leads_to_journal


class Terminal(io.StringIO):
    """A stream that people read."""

    def isatty(self) -> bool:
        return True


def line(message: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("hn_comments", level, "", 1, message, (), None)


TIME, DATE_AND_TIME = r"\[\d\d:\d\d:\d\d\] ", r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] "


@pytest.mark.parametrize(
    ("settings", "stderr", "begin"),
    [
        ({}, io.StringIO(), TIME),
        ({}, None, TIME),
        ({"serve": "8000"}, io.StringIO(), DATE_AND_TIME),
        ({"serve": "8000"}, Terminal(), TIME),
        ({"serve": "8000"}, None, TIME),
    ],
)
def test_line_of_a_service_has_the_date(
    settings: dict[str, Any], stderr: Any, begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless somebody watches it: whoever reads it now knows the date."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    text = choose_formatter(Settings(**settings), stderr).format(line("oops"))

    assert re.fullmatch(f"{begin}oops", text)


def test_program_that_systemd_waits_for_is_a_service() -> None:
    """As is one that serves."""
    assert is_service(Settings(), {"NOTIFY_SOCKET": "@x"})
    assert is_service(Settings(serve="8000"), {})
    assert not is_service(Settings(), {"NOTIFY_SOCKET": ""})


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, 7),
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 3),
    ],
)
def test_journal_is_told_how_urgent_a_line_is(
    level: int, priority: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows the time by itself."""
    with (tmp_path / "journal").open("w", encoding="utf-8") as stderr:
        status = (tmp_path / "journal").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        text = choose_formatter(Settings(), stderr).format(line("oops", level))

    assert text == f"<{priority}>oops"


def test_stream_that_leads_elsewhere_is_no_journal(tmp_path: Path) -> None:
    """A shell may have sent it into a file; and some streams have no number."""
    with (tmp_path / "file").open("w", encoding="utf-8") as stderr:
        assert not leads_to_journal(stderr, {"JOURNAL_STREAM": "1:2"})
        assert not leads_to_journal(stderr, {})
    assert not leads_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_line_is_cut_where_nobody_reads_on() -> None:
    """A sentence and a reason have room."""
    text = choose_formatter(Settings(), None).format(line("x" * 2000))

    assert len(text) == MAX_LINE
    assert text.endswith("...")
