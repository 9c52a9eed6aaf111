"""
Send a notice now, and say what each receiver answered: `--notify-test`.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from ..models import Crossing, Notice
from ..notices.message import NotTaken
from ..notices.receivers import Receiver, make_receivers, send
from ..settings import Settings


# A well-known post, which people recognise.
SAMPLE = Crossing(
    story=8863,
    title="This is a test of your notices from hn-comments",
    threshold="70",
    comments=71,
    last_hour=12,
)


def try_receivers(settings: Settings) -> Iterator[tuple[str, bool]]:
    """
    Yield a sentence for each receiver, and whether it took the notice.

    Raises:
        BadReceiver: if a receiver cannot be used.
    """
    notice = Notice(time=datetime.now(UTC), crossings=(SAMPLE,))
    yield from asyncio.run(send_to_all(make_receivers(settings), notice))


async def send_to_all(receivers: list[Receiver], notice: Notice) -> list[tuple[str, bool]]:
    return await asyncio.gather(*(send_to(receiver, notice) for receiver in receivers))


async def send_to(receiver: Receiver, notice: Notice) -> tuple[str, bool]:
    try:
        await send(receiver, notice)
    except NotTaken as exc:
        return f"{receiver.name} did not take the notice: {exc}", False
    return f"{receiver.name} took the notice", True
