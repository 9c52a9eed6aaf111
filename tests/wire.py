"""
Servers and networks as they can be: HTTP written from its RFCs, with asyncio alone.

Nothing here is shared with the simulator or with the client, so that it cannot share a fault.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme


# Answers the request for a path on one connection; returns whether the connection is kept.
Answer = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


class Wire:
    """A server that leaves each answer to *answer*, and keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        # What each request said before its body.
        self.heads: list[bytes] = []
        self.port = 0
        self.listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._tasks)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            kept = True
            while kept:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                kept = await self.answer(head.split()[1].decode(), reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serve(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Serve on a free port of 127.0.0.1."""
    wire = Wire(answer)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0, ssl=context)
    wire.listener = server
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await wire.stop()


def say(answer: bytes, *, kept: bool = True) -> Answer:
    """Return what answers everything so, and then keeps the connection or closes it."""

    async def speak(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        return kept

    return speak


def http(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer as RFC 9112 wants it."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def front_page(stories: int) -> dict[str, Any]:
    """Return what an API answers, by path: so many stories with two comments each, one below."""
    answers: dict[str, Any] = {
        "topstories": list(range(1, stories + 1)),
        "maxitem": 3 * stories,
        "updates": {"items": [], "profiles": []},
    }
    for story in range(1, stories + 1):
        first, second = stories + 2 * story - 1, stories + 2 * story
        post = {"id": story, "type": "story", "by": "a", "time": 1, "title": f"T{story}"}
        comment = {"type": "comment", "by": "b", "time": 2, "text": "x"}
        answers[f"item/{story}"] = {**post, "score": 9, "descendants": 2, "kids": [first]}
        answers[f"item/{first}"] = {"id": first, "parent": story, "kids": [second], **comment}
        answers[f"item/{second}"] = {"id": second, "parent": first, **comment}
    return answers


def api(answers: dict[str, Any]) -> Answer:
    """Return what answers as the real API does."""

    async def answer(path: str, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        name = path.removeprefix("/v0/").removesuffix(".json")
        writer.write(http(json.dumps(answers.get(name)).encode()))
        await writer.drain()
        return True

    return answer


class Few:
    """An answer on so many connections at a time, and something else *beyond*."""

    def __init__(self, most: int, answer: Answer, beyond: Answer) -> None:
        self.most = most
        self.answer = answer
        self.beyond = beyond
        self.turned_away = 0
        self._served: set[asyncio.StreamWriter] = set()

    async def __call__(
        self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        self._served = {each for each in self._served if not each.is_closing()}
        if writer not in self._served and len(self._served) >= self.most:
            self.turned_away += 1
            return await self.beyond(path, reader, writer)
        self._served.add(writer)
        # Long enough that requests pile up.
        await asyncio.sleep(0.02)
        return await self.answer(path, reader, writer)


async def hang_up(_: str, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> bool:
    """Close the connection without an answer."""
    return False


async def be_silent(_: str, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> bool:
    """Never answer, and never close, as if nobody accepted the connection."""
    await asyncio.Event().wait()
    return False


async def reset_it(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Reset the connection, as a network does that has no room for it."""
    linger_not(writer)
    return False


class Network:
    """What lies between: it passes everything on, until it forgets its connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._open += [(reader, writer), (there, back)]
        for source, sink in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(pass_on(source, sink)))

    async def forget(self, *, tell: bool = False) -> None:
        """Pass nothing on for the connections there are; *tell* who still sends by a reset."""
        await self._stop()
        if tell:
            self._tasks = {asyncio.create_task(reset(*ends)) for ends in self._open}

    async def close(self) -> None:
        await self._stop()
        for _, writer in self._open:
            writer.transport.abort()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy what comes from one side to the other."""
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
    sink.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the next bytes as somebody who knows of no connection."""
    await reader.read(1)
    linger_not(writer)
    writer.transport.abort()


def linger_not(writer: asyncio.StreamWriter) -> None:
    """Have the end of a connection be a reset: it has no time to linger."""
    ending = writer.get_extra_info("socket")
    ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def network(target: int) -> AsyncIterator[Network]:
    """Give a way to the port *target* that can break."""
    between = Network(target)
    server = await asyncio.start_server(between.accept, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        await between.close()


def certificate(authority: trustme.CA, **more: Any) -> ssl.SSLContext:
    """Return what a server with a certificate of *authority* needs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost", **more).configure_cert(context)
    return context


def trust(patch: pytest.MonkeyPatch) -> trustme.CA:
    """Return an authority whose certificates aiohttp, in this process, takes for valid."""
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    # It is made when aiohttp is imported, which is too early for SSL_CERT_FILE.
    patch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)
    return authority
