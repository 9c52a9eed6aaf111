"""
The history file: what each poll found, and the memory between runs.

Nothing here blocks the event loop: SQLite is talked to in one thread of its own. A poll's
figures and the memory that belongs to them are one transaction, which is in the file before
the poll is reported.

Trouble with a file that could be opened ends nothing: polls go on, what was not written is
kept, and the next poll writes it all.
"""

import asyncio
import dataclasses
import gc
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from ..memory import Discussion, Memory
from ..models import PollReport, utc_time
from .database import explain, is_damage, open_database
from .loading import ContradictionError, find_followed, load_discussion, load_memory
from .reports import last_counts, save_report
from .saving import Archive


logger = logging.getLogger(__name__)

T = TypeVar("T")

# Reports that wait for a file that cannot be written: an hour and a half of polls every
# five seconds. Then the oldest are given up.
MAX_WAITING = 1000


class Store:
    """
    The open file, for the one thread that uses it.

    Raises:
        HistoryError: if the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.connection = open_database(path)
        self.archive = Archive(self.connection)
        # What could not be written yet, and since when that is so.
        self.waiting: deque[PollReport] = deque(maxlen=MAX_WAITING)
        self.failures = 0
        self.lost = 0
        self.damage: sqlite3.Error | None = None
        self._opened = True

    def close(self) -> None:
        self.connection.close()

    def save(self, report: PollReport | None, memory: Memory | None) -> bool:
        """
        Write a report, whatever waits, and what *memory* learned; return whether it is written.

        Nobody else may use the memory meanwhile.
        """
        if report is not None:
            self.lost += len(self.waiting) == MAX_WAITING
            self.waiting.append(dataclasses.replace(report, comments=()))
        try:
            if self.damage:
                raise self.damage
            with transaction(self.connection, "IMMEDIATE"):
                for waiting in self.waiting:
                    save_report(self.connection, waiting)
                if memory is not None and self.waiting:
                    self.archive.save(memory, utc_time(self.waiting[-1].started))
        except sqlite3.Error as exc:
            self._complain(exc)
            return False
        self.archive.committed()
        self._recover()
        return True

    def recall(
        self, memory: Memory, ids: Collection[int], *, trees: bool, follow: float = 0.0
    ) -> None:
        """
        Put into *memory* what the file knows of the posts *ids*, and is not there already.

        Nobody else may use the memory meanwhile.

        Raises:
            HistoryError: if the file turns out to be damaged.
        """
        try:
            with transaction(self.connection, "DEFERRED"), no_collector():
                wanted = [post_id for post_id in ids if post_id not in memory.last_counts]
                if trees:
                    wanted += self._recall_trees(memory, ids, follow)
                for post_id, count in last_counts(self.connection, wanted).items():
                    # A poll without a turn may have counted it meanwhile.
                    memory.last_counts.setdefault(post_id, count)
        except sqlite3.Error as exc:
            if is_damage(exc):
                # Nor is it written any more: that could cost what is still sound.
                self.damage = exc
                raise explain(self.path, exc) from exc
            logger.warning("Cannot read %s: %s; reading everything anew", self.path, exc)

    def _recall_trees(self, memory: Memory, ids: Collection[int], follow: float) -> Sequence[int]:
        """
        Recall the trees of *ids*, and at first those that are followed; return the latter.
        """
        followed: list[int] = []
        if self._opened:
            self._opened = False
            self._load_memory(memory)
            if follow:
                followed = find_followed(self.connection, memory.clock() - follow)
        for post_id in (*ids, *followed):
            if post_id not in memory.discussions:
                discussion = self._load(memory, post_id)
                if discussion is not None:
                    memory.discussions[post_id] = discussion
                    upto = discussion.tree.upto
                    memory.maxitem.known = max(memory.maxitem.known or 0, upto) or None
        return followed

    def _load_memory(self, memory: Memory) -> None:
        try:
            load_memory(self.connection, memory)
        except ContradictionError as exc:
            logger.warning("What %s remembers is not as it was written: %s", self.path, exc)

    def _load(self, memory: Memory, post_id: int) -> Discussion | None:
        discussion = Discussion(post_id, clock=memory.clock, newcomers=memory.newcomers)
        try:
            found = load_discussion(self.connection, discussion)
        except ContradictionError as exc:
            logger.warning(
                "What %s remembers of post %d contradicts itself (%s): reading it anew",
                self.path, post_id, exc,
            )  # fmt: skip
            return None
        return discussion if found else None

    def _complain(self, exc: sqlite3.Error) -> None:
        """
        Say the first failure in a row; the others are counted.
        """
        self.failures += 1
        if self.failures == 1:
            logger.warning(
                "Cannot write to %s: %s; what is reported now is not in it until a later poll"
                " can write it",
                self.path, exc,
            )  # fmt: skip

    def _recover(self) -> None:
        if self.failures:
            logger.warning(
                "%s can be written again: it has all of the last %d polls%s",
                self.path, len(self.waiting), f", and lacks {self.lost} before" * (self.lost > 0),
            )  # fmt: skip
        self.failures = self.lost = 0
        self.waiting.clear()


class History:
    """
    The file *path*, for the event loop. Use it as an asynchronous context manager.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._store: Store | None = None
        self._memory: Memory | None = None
        # One thread: SQLite connections dislike others, and one write waits for another.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    async def __aenter__(self) -> Self:
        """
        Open the file.

        Raises:
            HistoryError: if it cannot be used.
        """
        try:
            self._store = await self._call(Store, self.path)
        finally:
            if self._store is None:
                self._thread.shutdown(wait=False)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _exc: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        store = self.store
        try:
            if store.waiting and not await self._call(store.save, None, self._memory):
                logger.warning(
                    "%s lacks the last %d polls: it could not be written",
                    self.path, len(store.waiting),
                )  # fmt: skip
        finally:
            try:
                await self._call(store.close)
            finally:
                self._thread.shutdown(wait=False)

    @property
    def store(self) -> Store:
        if self._store is None:
            raise RuntimeError("History must be entered with `async with` before it is used")
        return self._store

    async def recall(
        self, memory: Memory, ids: Collection[int], *, trees: bool, follow: float = 0.0
    ) -> None:
        """
        Put into *memory* what the file knows of the posts *ids* and, with *trees*, theirs.
        """
        await self._call(lambda: self.store.recall(memory, ids, trees=trees, follow=follow))

    async def save(self, report: PollReport, memory: Memory | None) -> None:
        """
        Write a poll and what *memory* learned; return when that is in the file.

        Where it cannot be written there is a warning, and the next poll writes it all.
        """
        self._memory = memory
        await self._call(self.store.save, report, memory)

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        """
        Return what *function* returns, called in the thread.

        Being cancelled meanwhile does not cut it short: whoever holds the memory's turn
        holds it until the thread is done with the memory. The cancellation is raised then.
        """
        future = asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
        interruption: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as exc:
                interruption = exc
        if interruption is not None:
            future.exception()  # or it would be reported as never retrieved
            raise interruption
        return future.result()


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


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """
    Have everything written, or nothing.
    """
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite ends some of its failures so by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
