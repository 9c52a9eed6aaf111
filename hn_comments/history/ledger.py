"""
What was told to whom, and what is still to be told, as the history file knows it.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from ..events import AlreadyAbove
from ..memory import Memory
from ..models import Crossing, Notice, PollReport, utc_time
from .notices import (
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

    def load(self, memory: Memory) -> None:
        """
        Put into *memory* what earlier runs have not told.
        """
        memory.untold.update(load_untold(self.connection))
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
            for audience in self.audiences:
                save_untold(self.connection, audience, report.comments)
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

    def note_memory(self, memory: Memory) -> set[tuple[int, str]]:
        """
        Write what the memory knows of crossings, and which comments nobody has to tell any more.

        Return the crossings that stay, although they may be reached again: nobody was told yet.
        """
        for audience in self.audiences:
            forget_untold(self.connection, audience, memory.gone)
        unsent = forget_rearmed(self.connection, memory.crossings)
        now = datetime.now(UTC)
        silent = Notice(time=now, crossings=tuple(memory.crossings.silent))
        save_crossings(self.connection, silent.crossings, utc_time(now))
        save_sent(self.connection, silent, utc_time(now))
        return unsent
