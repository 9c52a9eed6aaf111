"""
What was told to whom, and what is still to be told, as the history file knows it.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from ..events import AlreadyAbove
from ..memory import Memory
from ..models import Crossing, Notice, PollReport, utc_time
from .crossings import (
    add_threshold,
    forget_rearmed,
    load_unsent,
    read_thresholds,
    save_crossings,
    save_sent,
)
from .reports import forget_untold, load_untold, save_report, save_told, save_untold


class Ledger:
    """
    The polls, comments and crossings behind *connection*, and who of *audiences* knows them.

    The audiences are the reader of the output, and the receivers of notices.
    """

    def __init__(self, connection: sqlite3.Connection, audiences: Sequence[str]) -> None:
        self.connection = connection
        self.audiences = audiences
        # What the last `note_memory` has written of a memory.
        self._gone: set[int] = set()
        self._rearmed: set[tuple[int, str]] = set()
        self._silent: list[Crossing] = []

    def load(self, memory: Memory) -> None:
        """
        Put into *memory* what earlier runs have not told those who are told by this one.
        """
        memory.untold.update(load_untold(self.connection, self.audiences))
        memory.unsent.extend(load_unsent(self.connection))

    def add_thresholds(self, thresholds: Collection[str]) -> list[AlreadyAbove]:
        """
        Note which thresholds there are; return how many posts stand above each new one.
        """
        known, now = read_thresholds(self.connection), utc_time(datetime.now(UTC))
        added = [threshold for threshold in thresholds if threshold not in (known or ())]
        above = [
            AlreadyAbove(threshold=threshold, posts=add_threshold(self.connection, threshold, now))
            for threshold in added
            if known is not None
        ]
        self.connection.executemany(
            "INSERT OR IGNORE INTO thresholds VALUES (?)", [(name,) for name in thresholds]
        )
        return above

    def note_reports(self, reports: Iterable[PollReport]) -> list[Crossing]:
        """
        Write what polls found, and return the crossings that another process has noted before.
        """
        known: list[Crossing] = []
        for report in reports:
            save_report(self.connection, report)
            known += save_crossings(self.connection, report.crossings, utc_time(report.started))
            new = [comment for comment in report.comments if comment.new]
            for audience in self.audiences:
                save_untold(self.connection, audience, new)
        return known

    def note_told(self, reports: Iterable[PollReport]) -> None:
        """
        Note that the lines of *reports* have reached their reader.
        """
        for report in reports:
            save_told(self.connection, report)

    def note_sent(self, notices: Iterable[Notice]) -> None:
        """
        Note that a receiver took *notices*.
        """
        for notice in notices:
            save_sent(self.connection, notice, utc_time(datetime.now(UTC)))
            ids = [comment.item.id for comment in notice.comments]
            forget_untold(self.connection, "receivers", ids)

    def note_memory(self, memory: Memory) -> None:
        """
        Write what the memory knows of crossings, and which comments nobody has to tell any more.
        """
        self._gone, self._silent = {*memory.gone}, [*memory.crossings.silent]
        for audience in self.audiences:
            forget_untold(self.connection, audience, self._gone)
        # A crossing that nobody was told stays, although it may be reached again.
        self._rearmed = forget_rearmed(self.connection, {*memory.crossings.rearmed})
        now = datetime.now(UTC)
        silent = Notice(time=now, crossings=tuple(self._silent))
        save_crossings(self.connection, silent.crossings, utc_time(now))
        save_sent(self.connection, silent, utc_time(now))

    def committed(self, memory: Memory) -> None:
        """
        Take what is in the file by now out of *memory*; polls may have put in more meanwhile.
        """
        memory.gone -= self._gone
        memory.crossings.rearmed -= self._rearmed
        del memory.crossings.silent[: len(self._silent)]
