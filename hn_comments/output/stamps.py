"""
How a line of the log begins: with the time, with the date too, or as the journal wants it.

Lines of text have the time alone, to the letter: people and programs read them. A program that
runs on its own for weeks is read later, when the time alone says little; and the journal, which
has a clock, is told how urgent a line is (sd-daemon(3)).
"""

import logging
import os
from collections.abc import Mapping
from typing import TextIO

from ..settings import Settings
from .formats import cut


# Characters of a line at most: a sentence, and a reason of at most 200 in it.
MAX_LINE = 500

TIME, DATE_AND_TIME = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"

# How urgent a level is to syslog, and so to the journal: the last that fits.
PRIORITIES = ((logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3))


class LineFormatter(logging.Formatter):
    """
    "[10:14:03] message", safe for a terminal, and not too long.
    """

    def __init__(self, datefmt: str = TIME) -> None:
        super().__init__("[%(asctime)s] %(message)s", datefmt=datefmt)

    def format(self, record: logging.LogRecord) -> str:
        return cut(super().format(record), MAX_LINE)


class JournalFormatter(logging.Formatter):
    """
    "<4>message", for a reader that has a clock of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        priority = [number for level, number in PRIORITIES if record.levelno >= level][-1]
        return f"<{priority}>{cut(super().format(record), MAX_LINE)}"


def choose_formatter(settings: Settings, stderr: TextIO | None) -> logging.Formatter:
    """
    Return what suits whoever reads *stderr*.
    """
    if stderr is not None and leads_to_journal(stderr):
        return JournalFormatter()
    watched = stderr is None or stderr.isatty()
    return LineFormatter(DATE_AND_TIME if is_service(settings) and not watched else TIME)


def is_service(settings: Settings, environment: Mapping[str, str] = os.environ) -> bool:
    """
    Return whether the program is left alone: it serves, or systemd waits to hear from it.
    """
    return settings.serve is not None or bool(environment.get("NOTIFY_SOCKET"))


def leads_to_journal(file: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """
    Return whether what is written to *file* arrives in the journal of systemd.

    The variable names the device and the inode, since a child may have sent its own elsewhere.
    """
    named = environment.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(file.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{found.st_dev}:{found.st_ino}"
