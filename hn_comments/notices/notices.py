"""
What is done with a notice, and with the end of a poll: nothing, or what the settings ask for.
"""

import asyncio
from collections.abc import Callable
from typing import Self

from ..events import TaskFailed, Troubles
from ..models import Notice
from ..settings import Settings
from ..tasks import gather_or_stop
from .background import Background
from .heartbeat import Heartbeat
from .notifier import Notifier
from .receivers import make_receivers


# Seconds that notices on their way have at the end of the program.
DRAIN = 10.0


class Notices:
    """
    Tells notices as events, and to receivers where there are some; and how polls end.

    *taken* is called with a notice when the first receiver has taken it. Use it with `async with`:
    at the end, a notice on its way has some seconds.

    Raises:
        BadReceiver: if a receiver cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        troubles: Troubles,
        taken: Callable[[Notice], object] | None = None,
    ) -> None:
        self.troubles = troubles
        self.taken = taken or (lambda _: None)
        self.background = Background(self._tell_failure)
        self.notifier = Notifier(
            make_receivers(settings), self.background, troubles, taken=self.taken
        )
        self.heartbeat = None
        if settings.heartbeat is not None:
            beats = Background(self._tell_failure)
            self.heartbeat = Heartbeat(settings.heartbeat, beats, troubles)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, exc: BaseException | None, __: object) -> None:
        # Cancelled, or left by the loop that took the reports.
        if exc is not None and not isinstance(exc, Exception):
            self.stop()
        self.notifier.hurry()
        ends = [self.background.drain(DRAIN)]
        if self.heartbeat is not None:
            ends.append(self.heartbeat.close())
        await gather_or_stop([*map(asyncio.create_task, ends)])

    def tell(self, notice: Notice) -> None:
        """
        Tell a notice; new comments are one only where there are receivers.
        """
        if notice.crossings or (notice.comments and self.notifier.has_receivers):
            self.troubles.tell(notice)
            self.notifier.tell(notice)

    def stop(self) -> None:
        """
        Have the end wait no longer for the heartbeat than a stopped program may take.
        """
        if self.heartbeat is not None:
            self.heartbeat.stop()

    def beat(self, *, succeeded: bool) -> None:
        """
        Tell that a poll has ended.
        """
        if self.heartbeat is not None:
            self.heartbeat.beat(succeeded=succeeded)

    def _tell_failure(self, task: str, exc: BaseException) -> None:
        self.troubles.tell(TaskFailed(task=task, reason=str(exc) or repr(exc)))
