"""
A database as it can be: websockets written from RFC 6455, with asyncio alone.

Nothing here is shared with the simulator or with the client, so that it cannot share a fault.
"""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from . import wire


# What a server does with one client after the handshake.
Script = Callable[["Peer"], Awaitable[None]]

TEXT, CLOSE, PING = 0x1, 0x8, 0x9


class Peer:
    """One client of a database with these *answers*; *number* is its place among all of them."""

    def __init__(
        self,
        answers: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        self.answers = answers
        self.reader = reader
        self.writer = writer
        self.number = number
        # How often it said nothing but that it is there.
        self.signs = 0

    async def frame(self, payload: bytes, kind: int = TEXT, *, reserved: int = 0) -> None:
        """Send one frame, whole; *reserved* bits mean compression, mostly."""
        head = bytes([0x80 | reserved | kind])
        if len(payload) < 126:
            head += bytes([len(payload)])
        elif len(payload) < 1 << 16:
            head += bytes([126]) + len(payload).to_bytes(2, "big")
        else:
            head += bytes([127]) + len(payload).to_bytes(8, "big")
        self.writer.write(head + payload)
        await self.writer.drain()

    async def say(self, message: Any) -> None:
        await self.frame(json.dumps(message).encode())

    async def control(self, kind: str, data: Any) -> None:
        await self.say({"t": "c", "d": {"t": kind, "d": data}})

    async def greet(self) -> None:
        await self.control("h", {"ts": 1, "v": "5", "h": "127.0.0.1", "s": "s"})

    async def respond(self, number: Any, value: Any, status: Any = "ok") -> None:
        await self.say({"t": "d", "d": {"r": number, "b": {"s": status, "d": value}}})

    async def push(self, path: Any, value: Any, action: str = "d") -> None:
        await self.say({"t": "d", "d": {"a": action, "b": {"p": path, "d": value}}})

    async def hear(self) -> dict[str, Any]:
        """Return the next request; signs of life are none."""
        while True:
            first, second = await self.reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            mask = await self.reader.readexactly(4)
            masked = await self.reader.readexactly(length)
            text = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            if first & 0xF == TEXT and text != b"0":
                request: dict[str, Any] = json.loads(text)["d"]
                return request
            self.signs += text == b"0"
            if first & 0xF == CLOSE:
                raise ConnectionResetError

    def value(self, request: dict[str, Any]) -> Any:
        """Return what is at the path of a request."""
        return self.answers.get(request["b"]["p"].removeprefix("/v0/"))

    async def answer(self, request: dict[str, Any]) -> None:
        """Do what is asked."""
        if request["a"] == "q":
            await self.push(request["b"]["p"].removeprefix("/"), self.value(request))
        await self.respond(request["r"], self.value(request) if request["a"] == "g" else {})

    async def serve(self) -> None:
        """Be a good server, for ever."""
        await self.greet()
        while True:
            await self.answer(await self.hear())


@asynccontextmanager
async def database(
    answers: dict[str, Any], script: Script, context: ssl.SSLContext | None = None
) -> AsyncIterator[wire.Wire]:
    """Serve *answers* over HTTP, and by *script* to each websocket."""
    over_http = wire.api(answers)
    peers: list[Peer] = []

    async def answer(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not path.startswith("/.ws"):
            return await over_http(path, reader, writer)
        (key,) = (
            line.split()[1]
            for line in server.heads[-1].splitlines()
            if line.lower().startswith(b"sec-websocket-key:")
        )
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        peers.append(Peer(answers, reader, writer, len(peers)))
        await script(peers[-1])
        return False

    async with wire.serve(answer, context) as server:
        yield server
