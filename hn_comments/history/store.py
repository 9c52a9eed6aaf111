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
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from ..events import Event, MemoryDropped, PollsLost, Tell, Troubles
from ..memory import Discussion, Memory
from ..models import PollReport, utc_time
from .database import explain, is_damage, open_database
from .loading import ContradictionError, find_followed, load_discussion, load_memory
from .reports import last_counts, save_report
from .saving import Archive


T = TypeVar("T")

# Reports that wait for a file that cannot be written: an hour and a half of polls every
# five seconds. Then the oldest are given up.
MAX_WAITING = 1000


class Store:
    """
    The open file, for the one thread that uses it; *tell* is called there.

    Raises:
        HistoryError: if the file cannot be used.
    """

    def __init__(self, path: str, tell: Tell = lambda _: None) -> None:
        self.path = path
        self.tell = tell
        self.connection = open_database(path)
        self.archive = Archive(self.connection)
        # Reports that could not be written yet, and how many were given up.
        self.waiting: deque[PollReport] = deque(maxlen=MAX_WAITING)
        self.lost = 0
        self.damage: sqlite3.Error | None = None
        self._opened = True

    def close(self) -> None:
        self.connection.close()

    def save(self, report: PollReport | None, memory: Memory | None) -> sqlite3.Error | None:
        """
        Write a report, those that wait, and what *memory* learned; return why that failed, if so.

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
            return exc
        self.archive.committed()
        self.waiting.clear()
        return None

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
            self.tell(MemoryDropped(path=self.path, post=None, reason=str(exc)))

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
            self.tell(MemoryDropped(path=self.path, post=None, reason=str(exc)))

    def _load(self, memory: Memory, post_id: int) -> Discussion | None:
        discussion = Discussion(post_id, clock=memory.clock, newcomers=memory.newcomers)
        try:
            found = load_discussion(self.connection, discussion)
        except ContradictionError as exc:
            self.tell(MemoryDropped(path=self.path, post=post_id, reason=str(exc)))
            return None
        return discussion if found else None


class History:
    """
    The file *path*, for the event loop. Use it as an asynchronous context manager.
    """

    def __init__(self, path: str, troubles: Troubles | None = None) -> None:
        self.path = path
        self.troubles = troubles or Troubles()
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
            loop = asyncio.get_running_loop()

            def tell(event: Event) -> None:
                loop.call_soon_threadsafe(self.troubles.tell, event)

            self._store = await self._call(Store, self.path, tell)
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
            error = await self._call(store.save, None, self._memory) if store.waiting else None
            if error is not None:
                lost = len(store.waiting) + store.lost
                self.troubles.tell(PollsLost(path=self.path, polls=lost))
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
        error = await self._call(self.store.save, report, memory)
        if error is not None:
            self.troubles.note("history", str(error), subject=self.path)
            return
        self.troubles.end("history", self.path)
        if self.store.lost:
            self.troubles.tell(PollsLost(path=self.path, polls=self.store.lost))
            self.store.lost = 0

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
