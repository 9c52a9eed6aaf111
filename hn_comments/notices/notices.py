"""
What is done with a notice, and with the end of a poll: nothing, or what the settings ask for.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from ..events import TaskFailed, Troubles
from ..models import Notice
from ..settings import Settings
from ..tasks import gather_or_stop
from .background import Background


if TYPE_CHECKING:
    from .heartbeat import Heartbeat
    from .notifier import Notifier


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
        # Imported where they are asked for: most runs tell nobody.
        self.notifier: Notifier | None = None
        if settings.has_receivers:
            from . import notifier, receivers

            self.notifier = notifier.Notifier(
                receivers.make_receivers(settings), self.background, troubles, taken=self.taken
            )
        self.heartbeat: Heartbeat | None = None
        if settings.heartbeat is not None:
            from . import heartbeat

            beats = Background(self._tell_failure)
            self.heartbeat = heartbeat.Heartbeat(settings.heartbeat, beats, troubles)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, exc: BaseException | None, __: object) -> None:
        # Cancelled, or left by the loop that took the reports.
        if exc is not None and not isinstance(exc, Exception):
            self.stop()
        if self.notifier is not None:
            self.notifier.hurry()
        ends = [self.background.drain(DRAIN)]
        if self.heartbeat is not None:
            ends.append(self.heartbeat.close())
        await gather_or_stop([*map(asyncio.create_task, ends)])

    def tell(self, notice: Notice) -> None:
        """
        Tell a notice; new comments are one only where there are receivers.
        """
        if self.notifier is not None and (notice.crossings or notice.comments):
            self.troubles.tell(notice)
            self.notifier.tell(notice)
        elif notice.crossings:
            self.troubles.tell(notice)
            self.taken(notice)

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
