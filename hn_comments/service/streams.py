"""
What /events sends: the latest document when a page connects, each new one, and signs of life.

Nothing waits in a queue: a stream that is slow gets the newest document when it is done with the
last one, and one that stalls is dropped. No poll waits for a stream, nor does the end.
"""

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp_sse import EventSourceResponse
from async_timeout import timeout

from ..settings import MAX_STREAMS
from .latest import Latest


# Seconds that a stream has to take a document, and of silence before a sign of life. Proxies give
# up on a silent connection after 30 to 60 s, and the page looks for another one.
PATIENCE, KEEP_ALIVE = 20.0, 15.0

# Milliseconds after which a browser connects again.
RETRY = 3000

# Seconds that streams have at the end of the program.
GRACE = 0.2


class Streams:
    """
    The open streams, which all send the *latest* document.
    """

    def __init__(self, latest: Latest) -> None:
        self.latest = latest
        self._open: set[asyncio.Transport] = set()
        self._closing = False
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """
        Send documents for as long as the other side takes them.
        """
        if len(self._open) >= MAX_STREAMS or self._closing:
            refusal = web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="too many streams")
            # Kept open, it would be one more file all the same.
            refusal.force_close()
            return refusal
        response = EventSourceResponse(send_timeout=PATIENCE)
        # Raised where the page is closed while something is sent.
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            async with response:
                if request.transport is not None:
                    await self._serve(request, response, request.transport)
        return response

    async def _serve(
        self, request: web.Request, response: EventSourceResponse, transport: asyncio.Transport
    ) -> None:
        self._open.add(transport)
        try:
            await self._send_all(request, response)
        except TimeoutError:
            transport.abort()
        finally:
            self._open.discard(transport)
            if self._closing and not self._open:
                self._ended.set()

    async def _send_all(self, request: web.Request, response: EventSourceResponse) -> None:
        latest = self.latest
        await send(response, f"retry: {RETRY}\n\n")
        known, trouble = request.headers.get("Last-Event-ID"), object()
        while not self._closing:
            changed = latest.changed
            if latest.id != known:
                known, trouble = latest.id, latest.trouble
                await send(response, word("poll", latest.text(), id=known))
            elif latest.trouble != trouble:
                trouble = latest.trouble
                await send(response, word("trouble", json.dumps(trouble)))
            elif not await is_soon(changed):
                # The pings of the library are comments, which no page gets to see.
                await send(response, word("alive", "null"))

    async def close(self) -> None:
        """
        End all streams, and drop those that stall.
        """
        self._closing = True
        self.latest.wake()
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with timeout(GRACE):
                    await self._ended.wait()
        for transport in self._open:
            # Not close(), which waits until all is sent.
            transport.abort()


async def is_soon(changed: asyncio.Event) -> bool:
    """
    Return True when it is set, or False after a time without that.
    """
    with contextlib.suppress(TimeoutError):
        async with timeout(KEEP_ALIVE):
            return await changed.wait()
    return False


async def send(response: EventSourceResponse, text: str) -> None:
    # Not response.send(), which looks for line ends in each document for each stream.
    async with timeout(PATIENCE):
        await response.write(text.encode())


def word(event: str, data: str, **fields: Any) -> str:
    """
    Return an event as it is sent; JSON is one line.
    """
    lines = [*(f"{name}: {value}" for name, value in fields.items()), f"event: {event}"]
    return "\n".join([*lines, f"data: {data}", "", ""])
