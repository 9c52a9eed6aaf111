"""
Tell receivers what happened: fire and forget, each on its own, until it has taken it.

A receiver that fails is tried again with backoff, and gets then what it missed, in one message.
It delays neither polls nor other receivers. Its failure is told once, and its recovery too.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from async_timeout import timeout

from ..events import NoticeTaken, Troubles
from ..models import Notice
from ..tasks import delays
from .background import Background
from .message import NotTaken
from .receivers import Receiver, send


# Seconds before a receiver is tried again: at first, and at most.
FIRST_DELAY, MAX_DELAY = 1.0, 300.0

# Notices that wait for a receiver before they are made one.
MAX_NOTICES = 100

# Crossings and comments that wait for a receiver at most; then the oldest are given up.
MAX_WAITING = 2000


class Notifier:
    """
    Tells each of *receivers*; *taken* is called with a notice that the first one has taken.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        background: Background,
        troubles: Troubles,
        *,
        taken: Callable[[Notice], object] = lambda _: None,
    ) -> None:
        self._outboxes = [Outbox(receiver, background, troubles, taken) for receiver in receivers]

    def tell(self, notice: Notice) -> None:
        """
        Have a notice sent.
        """
        for outbox in self._outboxes:
            outbox.put(notice)

    def hurry(self) -> None:
        """
        Wait no longer before trying again: the program ends.
        """
        for outbox in self._outboxes:
            outbox.closing.set()


class Outbox:
    """
    What waits for one receiver.
    """

    def __init__(
        self,
        receiver: Receiver,
        background: Background,
        troubles: Troubles,
        taken: Callable[[Notice], object],
    ) -> None:
        self.receiver = receiver
        self.background = background
        self.troubles = troubles
        self.taken = taken
        self.closing = asyncio.Event()
        self._waiting: list[Notice] = []
        self._is_sending = False

    def put(self, notice: Notice) -> None:
        """
        Send a notice soon.
        """
        self._waiting.append(notice)
        if len(self._waiting) > MAX_NOTICES:
            self._waiting = [merge(self._waiting)]
        if not self._is_sending:
            name = f"notice to {self.receiver.name}"
            self._is_sending = self.background.start(self._send_all(), name=name)

    async def _send_all(self) -> None:
        try:
            waits = delays(FIRST_DELAY, MAX_DELAY)
            while self._waiting:
                notices = [*self._waiting]
                self._waiting = []
                whole, delay = merge(notices), next(waits)
                if await self._send(whole, delay):
                    self.taken(whole)
                    waits = delays(FIRST_DELAY, MAX_DELAY)
                    continue
                self._waiting.insert(0, whole)
                if not await self._wait(delay):
                    return
        finally:
            self._is_sending = False

    async def _send(self, notice: Notice, delay: float) -> bool:
        """
        Send a notice, and return whether it was taken; if not, it is tried again after *delay*.
        """
        try:
            await send(self.receiver, notice)
        except asyncio.CancelledError:
            # Only the end of the program cuts it short, and nobody would hear of it.
            self._note("no answer before the end of the program", None)
            raise
        except NotTaken as exc:
            self._note(str(exc), None if self.closing.is_set() else delay)
            return False
        self.troubles.end("receiver", self.receiver.name)
        self.troubles.tell(NoticeTaken(receiver=self.receiver.name))
        return True

    def _note(self, reason: str, next_in: float | None) -> None:
        self.troubles.note("receiver", reason, subject=self.receiver.name, next_in=next_in)

    async def _wait(self, seconds: float) -> bool:
        """
        Wait before the next try; return False if there is to be none.
        """
        if self.closing.is_set():
            return False
        with contextlib.suppress(TimeoutError):
            async with timeout(seconds):
                await self.closing.wait()
        return True


def merge(notices: Sequence[Notice]) -> Notice:
    """
    Return one notice with all that several have, the latest if that is too much.
    """
    crossings = [crossing for notice in notices for crossing in notice.crossings]
    comments = [comment for notice in notices for comment in notice.comments]
    return Notice(
        time=notices[-1].time,
        crossings=tuple(crossings[-MAX_WAITING:]),
        comments=tuple(comments[-MAX_WAITING:]),
    )
