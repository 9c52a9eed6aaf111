"""
Try the API by HTTP, and by the socket if that is asked for: `--check`.
"""

import dataclasses
import sys
from collections.abc import AsyncIterator

from ..errors import UNREADABLE
from ..settings import Settings
from ..ways import Way, try_way


# Seconds to wait for being told of a change: on Hacker News there is one each ten seconds or so.
PATIENCE = 60.0


async def check(settings: Settings) -> AsyncIterator[tuple[str, bool]]:
    """
    Yield a sentence for all that was tried, and whether it went well.
    """
    try:
        http = await try_way(dataclasses.replace(settings, source="http"))
        yield f"Over HTTP: {describe(http)}", True
        if settings.source == "http":
            return
        socket = await try_way(settings, ids=[*http.items], patience=PATIENCE)
    except UNREADABLE as exc:
        yield f"{settings.api_url}: {exc}", False
        return
    if socket.source == "http":
        yield f"Over the socket: nothing. {socket.reason}", False
        return
    yield f"Over the socket: {describe(socket)}", True
    if different := socket.differs(http):
        yield f"{len(different)} of them are not the same, as {different[0]}", False
    if socket.told is None:
        reason = f": {socket.reason}" if socket.reason else ""
        yield f"The socket told of no change within {PATIENCE:g} seconds{reason}", False
    else:
        yield f"The socket told of a change after {socket.told:.1f} seconds", True


def describe(way: Way) -> str:
    """
    Return what came by one way.
    """
    missing = sum(item is None for item in way.items.values())
    null = f" ({missing} of them null)" if missing else ""
    return f"{len(way.items)} items{null} in {way.seconds:.2f} seconds"


async def print_check(settings: Settings) -> bool:
    """
    Print each sentence when it is true, and return whether all went well.
    """
    well = True
    async for sentence, fine in check(settings):
        sys.stdout.write(f"{sentence}\n")
        sys.stdout.flush()
        well = well and fine
    return well
