"""
One open websocket to the database: its questions and answers, and what it says by itself.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NoReturn

import aiohttp
from yarl import URL

from ..errors import quote
from .aiohttp_errors import describe
from .connections import begin_attempt
from .protocol import (
    KEEP_ALIVE,
    MAX_MESSAGE,
    Answer,
    Frames,
    Goodbye,
    Hello,
    Malformed,
    Message,
    Push,
    Redirect,
    read_message,
    write_request,
)
from .session import Session


# Seconds between two signs of life; Google's library gives as many.
QUIET = 45.0


class Lost(Exception):
    """
    A websocket cannot be used (any more); the text says why. *host* is where to go instead, if any.
    """

    def __init__(self, reason: str, host: str | None = None) -> None:
        self.host = host
        super().__init__(quote(reason))


class Line:
    """
    A websocket; somebody has to `run` and to `close` it. *on_push* hears what it tells by itself.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        transport: asyncio.Transport | None,
        on_push: Callable[[Push], object],
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._on_push = on_push
        self._frames = Frames()
        self._number = 0
        # None is no answer: the line is lost.
        self._pending: dict[int, asyncio.Future[Answer | None]] = {}
        self._reason = ""

    async def ask(self, action: str, path: str) -> Answer:
        """
        Return the answer to one request.

        Raises:
            Lost: if there will be none.
        """
        if self._reason:
            raise Lost(self._reason)
        self._number = number = self._number + 1
        answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._pending[number] = answered
        try:
            await self._socket.send_str(write_request(number, action, path))
            answer = await answered
        except (aiohttp.ClientError, OSError) as exc:
            raise Lost(describe(exc)) from exc
        finally:
            del self._pending[number]
        if answer is None:
            raise Lost(self._reason)
        return answer

    async def wait_for_hello(self) -> None:
        """
        Return when the server is ready.

        Raises:
            Lost: if it will never be.
        """
        while not isinstance(await self._receive(), Hello):
            pass

    async def run(self) -> NoReturn:
        """
        Hand out what comes.

        Raises:
            Lost: when nothing more comes.
        """
        while True:
            message = await self._receive()
            if isinstance(message, Answer):
                answered = self._pending.get(message.number)
                # Others were never asked for, or had an answer, or nobody waits any more.
                if answered is not None and not answered.done():
                    answered.set_result(message)
            elif isinstance(message, Push):
                self._on_push(message)

    async def keep_alive(self) -> None:
        """
        Send a sign of life now and then.
        """
        # Who receives hears that the connection is lost.
        with contextlib.suppress(aiohttp.ClientError, OSError):
            while True:
                await asyncio.sleep(QUIET)
                await self._socket.send_str(KEEP_ALIVE)

    def give_up(self, reason: str) -> None:
        """
        End the connection at once: nobody waits for a goodbye, or for answers.
        """
        self._reason = self._reason or reason
        for answered in self._pending.values():
            if not answered.done():
                answered.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """
        End the connection, if that was not done, and leave nothing behind.
        """
        self.give_up("the socket is closed")
        await self._socket.close()

    async def _receive(self) -> Message | None:
        """
        Return the next message, or None for one that says nothing to us.
        """
        try:
            frame = await self._socket.receive()
            if frame.type is aiohttp.WSMsgType.TEXT:
                text = self._frames.add(frame.data)
                message = None if text is None else read_message(text)
            else:
                raise Lost(self._reason or why_closed(frame))
        except (aiohttp.ClientError, OSError) as exc:
            raise Lost(self._reason or describe(exc)) from exc
        except Malformed as exc:
            raise Lost(str(exc)) from exc
        if isinstance(message, Redirect):
            raise Lost("it sends us elsewhere, again and again", host=message.host)
        if isinstance(message, Goodbye):
            raise Lost(message.reason)
        return message


def why_closed(frame: aiohttp.WSMessage) -> str:
    """
    Return what a frame says that is no text.
    """
    if frame.type is aiohttp.WSMsgType.ERROR:
        too_long = getattr(frame.data, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        return f"a frame is larger than {MAX_MESSAGE} bytes" if too_long else "a frame is not valid"
    if frame.type is aiohttp.WSMsgType.BINARY:
        return "a frame is not text"
    return "the server hung up"


async def dial(session: Session, url: URL, on_push: Callable[[Push], object]) -> Line:
    """
    Return a line to *url*, over the connections of *session*; somebody has to `close` it.

    Raises:
        Lost: if there is none.
    """
    # The connector notes there how far it comes.
    attempt = begin_attempt()
    try:
        # Nothing may be compressed: a small frame could become a large one.
        socket = await session.http.ws_connect(
            url, autoclose=False, compress=0, max_msg_size=MAX_MESSAGE
        )
    except aiohttp.WSServerHandshakeError as exc:
        raise Lost(f"there is none: HTTP {exc.status}") from exc
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        raise Lost(describe(exc)) from exc
    finally:
        # Attempts that never end would look like connections that never answer.
        session.connector.end(attempt)
    return Line(socket, attempt.transport, on_push)
