"""
The history file, for the event loop: what each poll found, and the memory between runs.

SQLite is talked to in one thread of its own, so nothing here blocks the loop. A poll is in the
file before it is reported, and noted there as told after its lines were written.

Trouble with a file that could be opened ends nothing: polls go on, what was not written is
kept, and a later poll writes it all.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from ..errors import HistoryError
from ..events import Event, HistoryMoved, NotTold, PollsLost, Troubles
from ..memory import Memory
from ..models import Crossing, Notice, PollReport
from .database import DATABASE_ERRORS, identify, is_busy, rename
from .store import FileMovedError, Store


T = TypeVar("T")

# Reports that wait for a file that cannot be written, or for their reader: an hour and a half
# of polls every five seconds. Then the oldest are given up.
MAX_WAITING = 1000

# Seconds that a poll waits for another process that writes, once; its transactions take
# milliseconds, and only the first one of a large memory, or a slow disk, takes longer. At the
# end of the program the wait is short.
PATIENCE, PATIENCE_AT_THE_END = 5.0, 0.5

# Seconds between two tries while another process writes.
TRY_AGAIN = 0.05

# Seconds between looks whether the lines of a poll have reached their reader.
LOOKS = (0.01, 0.05, 0.2, 0.5)


class History:
    """
    The file *path*, of the API at *api_url*. Use it as an asynchronous context manager.

    *told* returns the number of the last poll whose lines have reached their reader; by default
    all do. *thresholds* are those of this run, *audiences* ("reader", "receivers") who is to be
    told of new comments. What is older than *keep* seconds is removed.
    """

    def __init__(
        self,
        path: str,
        troubles: Troubles | None = None,
        *,
        api_url: str = "",
        told: Callable[[], int] | None = None,
        thresholds: Sequence[str] = (),
        audiences: Sequence[str] = ("reader",),
        keep: float | None = None,
    ) -> None:
        self.path = path
        self.api_url = api_url
        self.troubles = troubles or Troubles()
        self.told = told
        self.thresholds = thresholds
        self.audiences = audiences
        self.keep = keep
        self._store: Store | None = None
        self._memory: Memory | None = None
        # What tells a file of another world, which is to be renamed, from others.
        self._foreign: tuple[int, int] | None = None
        # What is not in the file, how much was given up, and what may not be told yet.
        self._waiting: deque[PollReport] = deque(maxlen=MAX_WAITING)
        self._lost = 0
        self._untold: deque[PollReport] = deque(maxlen=MAX_WAITING)
        # Notices that were taken, and thresholds that are new to the file.
        self._sent: list[Notice] = []
        self._added: set[str] = set()
        # How many cannot wait for another process that writes.
        self._hurried = 0
        # Polls that remember nothing overlap.
        self._turn = asyncio.Lock()
        # One thread: SQLite connections dislike others, and one write waits for another.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    async def __aenter__(self) -> Self:
        """
        Open the file.

        Raises:
            HistoryError: if it cannot be used.
        """
        is_ready = False
        try:
            error = await self._uncut(self._retry(self._open, PATIENCE))
            if error is not None:
                raise error
            count, seconds = await self._uncut(self._call(self._opened.failures))
            if count:
                self.troubles.resume("polls", count=count, seconds=seconds)
            for above in self._opened.above:
                self._added.add(above.threshold)
                self.troubles.tell(above)
            is_ready = True
        finally:
            if not is_ready:
                await self._uncut(self._close_file())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _exc: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._uncut(self._close())

    async def _close(self) -> None:
        try:
            if self._waiting or self._sent or self._just_told():
                await self._write(PATIENCE_AT_THE_END)
            self._tell_what_is_lacking()
        finally:
            await self._close_file()

    async def _close_file(self) -> None:
        if self._store is not None:
            await self._call(self._store.close)
        self._thread.shutdown(wait=False)

    async def recall(self, memory: Memory, ids: Collection[int], *, follow: float = 0.0) -> None:
        """
        Put into *memory* what the file knows of the posts *ids*, and their trees if it keeps such.
        """
        memory.crossings.added |= self._added
        self._added.clear()
        if (store := self._store) is not None:
            await self._uncut(self._call(lambda: store.recall(memory, ids, follow=follow)))

    async def set_aside(self) -> str | None:
        """
        Give the file another name, since it is about another world, and return that.

        Where that cannot be done, nothing is written until it can, or until the file is gone.
        """
        return await self._uncut(self._set_aside())

    async def _set_aside(self) -> str | None:
        async with self._turn:
            store, self._store, self._memory = self._store, None, None
            self._waiting.clear()
            self._untold.clear()
            if store is not None:
                self._foreign = store.identity
                await self._call(store.close)
            try:
                return await self._rename_foreign()
            except HistoryError:
                return None  # The next save tries again, and says why if it cannot.

    async def _rename_foreign(self) -> str | None:
        """
        Rename the file at the path if it is about another world, and return its new name.

        Raises:
            HistoryError: if that cannot be done.
        """
        foreign, kept = self._foreign, None
        if foreign is not None and identify(self.path) == foreign:
            kept = await self._call(rename, self.path)
        self._foreign = None
        return kept

    async def save(self, report: PollReport, memory: Memory) -> Collection[Crossing]:
        """
        Write a poll and what *memory* learned; return when that is in the file.

        Where it cannot be written there is a warning, and a later poll writes it all. What is
        returned are the crossings that another process has noted before: it tells them.
        """
        return await self._uncut(self._save(report, memory))

    async def note_told(self) -> None:
        """
        Write soon that news was told; a program that is killed before tells it again.

        Where a reader is slow or the file is busy, the next save writes it.
        """
        if not any(report.news for report in self._untold):
            return
        for seconds in LOOKS:
            await asyncio.sleep(seconds)
            if any(report.news for report in self._just_told()):
                await self._uncut(self._write(0.0))
                return

    def note_sent(self, notice: Notice) -> None:
        """
        Have the next save, or the end, note that a receiver took a notice.
        """
        self._sent.append(notice)

    async def _save(self, report: PollReport, memory: Memory) -> Collection[Crossing]:
        self._memory = memory
        self._lost += len(self._waiting) == MAX_WAITING
        self._waiting.append(report)
        self._untold.append(report)
        # A file that is busy for long delays one poll, and not each.
        written = await self._write(0.0 if self.troubles.count("history", self.path) else PATIENCE)
        if isinstance(written, Exception):
            self.troubles.note("history", str(written), subject=self.path)
            return ()
        self.troubles.end("history", self.path)
        if self._lost:
            self.troubles.tell(PollsLost(path=self.path, polls=self._lost))
            self._lost = 0
        return written

    async def _write(self, patience: float) -> list[Crossing] | Exception:
        """
        Write all that waits, trying for so many seconds; return why that failed, if it did.
        """
        known: list[Crossing] = []
        async with self._turn:
            waiting, told, sent = [*self._waiting], self._just_told(), [*self._sent]

            async def write() -> None:
                if self._store is None:
                    await self._open()
                save = functools.partial(self._opened.save, sent=sent)
                known.extend(await self._call(save, waiting, told, self._memory))

            error = await self._retry(write, patience)
            if isinstance(error, FileMovedError):
                await self._leave_moved_file()
                error = await self._retry(write, patience)
            if error is not None:
                return error
            del self._sent[: len(sent)]
            self._waiting = without(self._waiting, waiting)
            self._untold = without(self._untold, told)
        return known

    async def _retry(self, work: Callable[[], Any], patience: float) -> Exception | None:
        """
        Do *work* until the file is not busy, for so many seconds; return why it failed, if so.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            try:
                await work()
            except (*DATABASE_ERRORS, HistoryError, FileMovedError) as exc:
                if not is_busy(exc) or self._hurried or loop.time() >= end:
                    return exc
            else:
                return None
            await asyncio.sleep(TRY_AGAIN)

    async def _open(self) -> None:
        await self._rename_foreign()
        loop = asyncio.get_running_loop()

        def tell(event: Event) -> None:
            loop.call_soon_threadsafe(self.troubles.tell, event)

        # What the memory knows is newer than what any other file has.
        recalled = self._memory is not None
        self._store = await self._call(
            lambda: Store(
                self.path,
                self.api_url,
                tell,
                is_recalled=recalled,
                thresholds=self.thresholds,
                audiences=self.audiences,
                keep=self.keep,
            )
        )

    async def _leave_moved_file(self) -> None:
        """
        Close the file that is not at its path any more; the next write opens what is there.
        """
        store, self._store = self._opened, None
        await self._call(store.close)
        if self._memory is not None:
            self._memory.mark_unsaved()
        self.troubles.tell(HistoryMoved(path=self.path))

    def _just_told(self) -> list[PollReport]:
        """
        Return the reports up to the last one that was told.

        They are told in the order in which they were saved; with overlapping polls that is not
        the order of their numbers.
        """
        untold = [*self._untold]
        if self.told is None:
            return untold
        numbers, last = [report.poll for report in untold], self.told()
        return untold[: numbers.index(last) + 1] if last in numbers else []

    def _tell_what_is_lacking(self) -> None:
        if self._waiting or self._lost:
            polls = len(self._waiting) + self._lost
            self.troubles.tell(PollsLost(path=self.path, polls=polls))
        news = [report.news for report in self._untold]
        if any(news):
            self.troubles.tell(NotTold(path=self.path, news=sum(news)))

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise RuntimeError("History must be entered with `async with` before it is used")
        return self._store

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        """
        Return what *function* returns, called in the thread.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def _uncut(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Return what *work* returns; being cancelled meanwhile does not cut it short.

        Whoever holds the memory's turn holds it until the thread is done with the memory, and
        what is in the file is known to be there. The cancellation is raised then. Only the wait
        for another process ends at once.
        """
        task = asyncio.create_task(work)
        interruption: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as exc:
                self._hurried += interruption is None
                interruption = exc
        if interruption is not None:
            # A poll that ran out of time: the next ones can wait as before.
            self._hurried -= 1
            task.exception()  # or it would be reported as never retrieved
            raise interruption
        return task.result()


def without(reports: Iterable[PollReport], done: Iterable[PollReport]) -> deque[PollReport]:
    """
    Return *reports* but for those that are done.
    """
    # By their numbers: two reports are compared post by post.
    numbers = {report.poll for report in done}
    return deque((report for report in reports if report.poll not in numbers), MAX_WAITING)
