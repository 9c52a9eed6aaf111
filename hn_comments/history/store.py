"""
The open history file, for the one thread that uses it.

A poll's figures and the memory that belongs to them are one transaction. Nothing here waits for
another process: a busy file is an error at once, and `history` tries again.
"""

import contextlib
import gc
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from ..errors import HistoryError
from ..events import AlreadyAbove, MemoryDropped, Tell
from ..memory import Discussion, Memory
from ..models import Crossing, Notice, PollReport, utc_time
from .crossings import load_crossings
from .database import (
    CHOOSE_ANOTHER,
    DATABASE_ERRORS,
    explain,
    identify,
    is_damage,
    open_database,
    transaction,
)
from .keeping import PAUSE, find_end, remove_old
from .ledger import Ledger
from .loading import (
    ContradictionError,
    find_followed,
    find_latest,
    load_discussion,
    load_memory,
)
from .reports import load_told
from .rows import Times
from .saving import Archive


COUNT_FAILURES = """
    SELECT count(*), CAST(strftime('%s', min(started_at)) AS INTEGER) FROM polls
    WHERE poll_id > (SELECT coalesce(max(poll_id), 0) FROM polls WHERE status <> 'failed')
"""


class FileMovedError(Exception):
    """
    The file that is open is not the one at its path any more.
    """


class Store:
    """
    The file at *path*, of the API at *api_url*; *tell* is called in the thread that uses it.

    The first `recall` also loads what belongs to no post; *is_recalled* says that this was done.
    *thresholds* are those of this run: each is known to the file from then on.

    Raises:
        HistoryError: if the file cannot be used.
    """

    def __init__(
        self,
        path: str,
        api_url: str = "",
        tell: Tell = lambda _: None,
        *,
        is_recalled: bool = False,
        thresholds: Collection[str] = (),
        audiences: Sequence[str] = ("reader",),
        keep: float | None = None,
    ) -> None:
        self.path = path
        self.api_url = api_url
        self.tell = tell
        # Seconds after which what was last seen is removed, and when there may be such again.
        self.keep = keep
        self._remove_at = 0.0
        self.connection = open_database(path)
        self.archive = Archive(self.connection)
        self.identity = identify(path)
        self.damage: Exception | None = None
        self.is_recalled = is_recalled
        self.ledger = Ledger(self.connection, audiences)
        try:
            self._check_world()
            # What posts stand above already is no news, where a threshold is new to the file.
            self.above = self._add_thresholds(thresholds)
        except HistoryError:
            self.close()
            raise

    def failures(self) -> tuple[int, float]:
        """
        Return how many polls failed since one did not, and how many seconds ago that began.
        """
        try:
            count, since = self.connection.execute(COUNT_FAILURES).fetchone()
        except DATABASE_ERRORS as exc:
            raise explain(self.path, exc) from exc
        return count, max(time.time() - since, 0.0) if count else 0.0

    def close(self) -> None:
        """
        Close the file, with all of it in the file itself.
        """
        with contextlib.suppress(sqlite3.Error):
            # SQLite does so by itself, but not for a file that was moved: its log would stay
            # behind, and be taken for a part of the next file there.
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()

    def save(
        self,
        reports: Sequence[PollReport],
        told: Sequence[PollReport],
        memory: Memory | None,
        *,
        sent: Sequence[Notice] = (),
    ) -> list[Crossing]:
        """
        Write *reports*, which of them and of earlier ones were *told*, and what *memory* learned.

        *sent* are the notices that a receiver took. Return the crossings in *reports* that another
        process has noted before. Nobody else may use the memory's trees meanwhile.

        Raises:
            FileMovedError: if the file was moved, replaced or deleted; nothing is written then.
            sqlite3.Error: if it cannot be written.
        """
        if identify(self.path) != self.identity:
            raise FileMovedError(self.path)
        if self.damage:
            raise self.damage
        with transaction(self.connection, "IMMEDIATE"):
            known = self.ledger.note_reports(reports)
            self.ledger.note_told(told)
            self.ledger.note_sent(sent)
            if memory is not None and memory.keeps_trees and reports:
                self.archive.save(memory, utc_time(reports[-1].started))
            if memory is not None:
                self.ledger.note_memory(memory)
            if reports:
                self._remove_old(reports[-1].started, memory)
            self._save_world()
        self.archive.committed()
        if memory is not None:
            self.ledger.committed(memory)
        return known

    def _remove_old(self, now: datetime, memory: Memory | None) -> None:
        if self.keep is None or time.monotonic() < self._remove_at:
            return
        remembered = memory.discussions if memory is not None else ()
        before = find_end(self.connection, now, self.keep)
        if not remove_old(self.connection, before, besides=remembered):
            self._remove_at = time.monotonic() + PAUSE

    def recall(self, memory: Memory, ids: Collection[int], *, follow: float = 0.0) -> None:
        """
        Put into *memory* what the file knows of the posts *ids*, and is not there already.

        Nobody else may use the memory's trees meanwhile.

        Raises:
            HistoryError: if the file turns out to be damaged.
        """
        try:
            with transaction(self.connection, "DEFERRED"), no_collector():
                wanted = [post_id for post_id in ids if post_id not in memory.told]
                first, self.is_recalled = not self.is_recalled, True
                if first:
                    self.ledger.load(memory)
                if memory.keeps_trees:
                    wanted += self._recall_trees(memory, ids, follow, first=first)
                for post_id, told in load_told(self.connection, wanted):
                    # A poll without a turn may have told it meanwhile.
                    memory.told.setdefault(post_id, told)
                load_crossings(self.connection, memory.crossings, wanted)
        except DATABASE_ERRORS as exc:
            if is_damage(exc):
                # Nor is it written any more: that could cost what is still sound.
                self.damage = exc
                raise explain(self.path, exc) from exc
            self.tell(MemoryDropped(path=self.path, post=None, reason=str(exc)))

    def _recall_trees(
        self, memory: Memory, ids: Collection[int], follow: float, *, first: bool
    ) -> Sequence[int]:
        """
        Recall the trees of *ids*, and at first those that are followed; return the latter.
        """
        followed: list[int] = []
        if first:
            self._load_memory(memory)
            followed = find_followed(self.connection, Times(memory.clock), follow)
        for post_id in {*ids, *followed} - memory.discussions.keys():
            self._load(memory, post_id)
        if first and not memory.discussions:
            # Some post is needed to see whether this is still the world of the file.
            for post_id in {*find_latest(self.connection)} - {*ids}:
                self._load(memory, post_id)
        if first and memory.discussions:
            memory.is_verified = False
        return followed

    def _load_memory(self, memory: Memory) -> None:
        try:
            load_memory(self.connection, memory)
        except ContradictionError as exc:
            self.tell(MemoryDropped(path=self.path, post=None, reason=str(exc)))

    def _load(self, memory: Memory, post_id: int) -> None:
        discussion = Discussion(post_id, clock=memory.clock, newcomers=memory.newcomers)
        try:
            found = load_discussion(self.connection, discussion)
        except ContradictionError as exc:
            self.tell(MemoryDropped(path=self.path, post=post_id, reason=str(exc)))
            return
        if found:
            memory.discussions[post_id] = discussion
            upto = discussion.tree.upto
            memory.maxitem.known = max(memory.maxitem.known or 0, upto) or None

    def _check_world(self) -> None:
        """
        Refuse a file of another API's figures.
        """
        try:
            row = self.connection.execute(
                "SELECT value FROM memory WHERE name = 'api_url'"
            ).fetchone()
        except DATABASE_ERRORS as exc:
            raise explain(self.path, exc) from exc
        if row and self.api_url and row[0] != json.dumps(self.api_url):
            problem = f"belongs to the API at {row[0][1:-1]}"
            raise HistoryError(self.path, problem, CHOOSE_ANOTHER)

    def _add_thresholds(self, thresholds: Collection[str]) -> list[AlreadyAbove]:
        if not thresholds:
            return []
        try:
            with transaction(self.connection, "IMMEDIATE"):
                return self.ledger.add_thresholds(thresholds)
        except DATABASE_ERRORS as exc:
            raise explain(self.path, exc) from exc

    def _save_world(self) -> None:
        if self.api_url:
            self.connection.execute(
                "INSERT OR IGNORE INTO memory VALUES ('api_url', ?)", (json.dumps(self.api_url),)
            )


@contextmanager
def no_collector() -> Iterator[None]:
    """
    Keep the garbage collector from walking all nodes again and again while they are made.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
