"""
What is around the polls, each with all the ways in which it can be broken.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import sqlite3
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import pytest

from hn_comments.events import HistoryMoved, Serving, Trouble
from hn_comments.simulator import Simulator

from . import wire
from .support import MS, Ear, eventually


class Part:
    """
    Something around the polls that can be broken; *kind* is the trouble that is told then.

    *ear* hears what the program says, *history* is its file.
    """

    kind = ""
    faults: tuple[str, ...] = ()

    def __init__(self, fault: str, folder: Path, simulator: Simulator, ear: Ear) -> None:
        self.fault = fault
        self.folder = folder
        self.simulator = simulator
        self.ear = ear
        self.history = folder / "history.db"
        self.settings: dict[str, Any] = {}
        self.is_broken = False

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        """Have it there."""
        yield

    @property
    def is_met(self) -> bool:
        """Whether the program has noticed."""
        return bool(self.troubles)

    @property
    def troubles(self) -> list[Trouble]:
        return [e for e in self.ear.events if isinstance(e, Trouble) and e.kind == self.kind]

    async def spoil(self) -> None:
        self.is_broken = True

    async def repair(self) -> None:
        self.is_broken = False

    @property
    def is_heard(self) -> bool:
        """Whether what the program has said so far has arrived."""
        return True

    async def look(self) -> None:
        """See that it works as far as it can, broken or not."""

    async def check(self, told: dict[int, int]) -> None:
        """See that all has arrived: *told* says how often each post reached a threshold."""


class Web(Part):
    """A web server that is told something, each time on a connection of its own."""

    faults = ("500", "drop", "hang", "garbage")

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        self.told: list[tuple[str, bytes]] = []
        self._repaired = asyncio.Event()
        async with wire.serve(self._answer) as self.server:
            self.name(f"127.0.0.1:{self.server.port}")
            yield

    def name(self, address: str) -> None:
        """Say which settings lead to an address."""
        raise NotImplementedError

    @property
    def is_heard(self) -> bool:
        return bool(self.told)

    async def repair(self) -> None:
        await super().repair()
        self._repaired.set()

    async def _answer(
        self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        fields = self.server.heads[-1].lower().partition(b"\r\ncontent-length: ")[2].split()
        body = await reader.readexactly(int(fields[0]) if fields else 0)
        answers = {"500": wire.http(b"", status=b"500 Oops"), "garbage": b"\0\xff nonsense\r\n"}
        if not self.is_broken:
            self.told.append((path, body))
            writer.write(wire.http(b"", b"Connection: close"))
        elif self.fault == "hang":
            await self._repaired.wait()
        else:
            writer.write(answers.get(self.fault, b""))
        await writer.drain()
        return False


class Receiver(Web):
    """A webhook."""

    kind = "receiver"

    def name(self, address: str) -> None:
        self.settings = {"threshold": ("1", "5"), "notify": (f"json://{address}/",)}

    async def check(self, told: dict[int, int]) -> None:
        def text() -> str:
            return " ".join(json.loads(body)["message"] for _, body in self.told)

        await eventually(lambda: all(text().count(f"id={post}") == told[post] for post in told))


class Heartbeat(Web):
    """Who wants to hear that polls end."""

    kind = "heartbeat"

    def name(self, address: str) -> None:
        self.settings = {"heartbeat": f"http://{address}/ping"}

    async def check(self, told: dict[int, int]) -> None:  # noqa: ARG002
        assert {path for path, _ in self.told} == {"/ping"}


class Command(Part):
    """A program that is run for each notice."""

    kind = "receiver"
    faults = ("fails", "hangs", "is missing", "may not be run")

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        self.program = self.folder / "notify"
        self.told = self.folder / "told"
        self.settings = {"threshold": ("1", "5"), "notify_command": str(self.program)}
        await self.repair()
        yield

    @property
    def is_heard(self) -> bool:
        return self.told.exists()

    async def spoil(self) -> None:
        await super().spoil()
        self._write("exit 1" if self.fault == "fails" else "sleep 600")
        if self.fault == "is missing":
            self.program.unlink()
        if self.fault == "may not be run":
            self.program.chmod(0o600)

    async def repair(self) -> None:
        await super().repair()
        self._write(f"cat >> '{self.told}'; echo >> '{self.told}'")

    def _write(self, script: str) -> None:
        # A file of its own: one that is run cannot be written.
        new = self.folder / "new"
        new.write_text(f"#!/bin/sh\n{script}\n")
        new.chmod(0o700)
        new.replace(self.program)

    async def check(self, told: dict[int, int]) -> None:
        def read() -> dict[int, int]:
            lines = self.told.read_text().splitlines() if self.told.exists() else []
            posts = [c["story"] for line in lines if line for c in json.loads(line)["crossings"]]
            return {post: posts.count(post) for post in posts}

        await eventually(lambda: read() == told)


class Port(Part):
    """The port, and those who should not be let near one."""

    faults = ("silent", "half", "garbage", "deaf", "reset", "stranger", "huge", "posts")
    texts: ClassVar = {
        "half": b"GET /latest.json HTTP/1.1\r\nHo",
        "garbage": b"\x16\x03\x01\x02\0\x01\0\x01\xff\r\n\r\n",
        "deaf": b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "reset": b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "stranger": b"GET /latest.json HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "huge": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        "posts": b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nwhat",
    }

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        self.settings = {"serve": "0"}
        self._visitors: list[socket.socket] = []
        yield
        await self.repair()

    @property
    def is_met(self) -> bool:
        return self.is_broken

    @property
    def _url(self) -> str:
        return next(e.url for e in reversed(self.ear.events) if isinstance(e, Serving))

    async def spoil(self) -> None:
        await super().spoil()
        for _ in range(5):
            visitor = socket.create_connection(("127.0.0.1", urlsplit(self._url).port or 0))
            visitor.setblocking(False)  # noqa: FBT003
            self._visitors.append(visitor)
            await self._speak(visitor)
            if self.fault == "reset":
                linger = struct.pack("ii", 1, 0)
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                visitor.close()

    async def _speak(self, visitor: socket.socket) -> None:
        # Whoever says too much may be hung up on, or not be heard to the end.
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(200 * MS):
                text = self.texts.get(self.fault, b"")
                await asyncio.get_running_loop().sock_sendall(visitor, text)

    async def repair(self) -> None:
        await super().repair()
        while self._visitors:
            self._visitors.pop().close()

    async def look(self) -> None:
        async with aiohttp.ClientSession() as browser:
            for path in ("", "health", "metrics", "latest.json"):
                async with browser.get(self._url + path) as response:
                    assert response.status == 200, path


class History(Part):
    """The file that others may use, move, replace and delete."""

    kind = "history"
    faults = ("busy", "deleted", "moved", "replaced", "directory")

    @property
    def is_met(self) -> bool:
        return bool(self.troubles) or any(isinstance(e, HistoryMoved) for e in self.ear.events)

    async def spoil(self) -> None:
        await super().spoil()
        match self.fault:
            case "busy":
                self._other = sqlite3.connect(self.history, isolation_level=None, timeout=60)
                self._other.execute("BEGIN IMMEDIATE")
            case "deleted":
                self.history.unlink()
            case "replaced":
                copy = self.folder / "copy.db"
                with (
                    closing(sqlite3.connect(self.history)) as old,
                    closing(sqlite3.connect(copy)) as new,
                ):
                    old.backup(new)
                copy.replace(self.history)
            case _:
                self.history.replace(self.folder / "old.db")
                if self.fault == "directory":
                    self.history.mkdir()

    async def repair(self) -> None:
        await super().repair()
        if self.fault == "busy":
            self._other.close()
        if self.fault == "directory":
            shutil.rmtree(self.history)


class Names(Part):
    """A name server, and the connections that made it superfluous for a while."""

    kind = "polls"
    faults = ("unknown", "later", "empty", "elsewhere", "silent")

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        self._repaired = threading.Event()
        real = socket.getaddrinfo

        def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host != "hn.example":
                return real(host, *args, **kwargs)
            if self.is_broken:
                return self._fail(*args)
            return real("127.0.0.1", *args, **kwargs)

        url = self.simulator.url.replace("127.0.0.1", "hn.example")
        self.settings = {"api_url": url, "fetch_timeout": 500 * MS}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("socket.getaddrinfo", look_up)
            # aiohttp would remember an address for ten seconds.
            patch.setattr("aiohttp.connector._DNSCacheTable.expired", lambda *_: True)
            try:
                yield
            finally:
                self._repaired.set()

    def _fail(self, port: int, *_: object) -> list[Any]:
        match self.fault:
            case "unknown":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case "later":
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            case "elsewhere":
                # Where nobody listens.
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port))]
            case "silent":
                self._repaired.wait()
        return []

    async def spoil(self) -> None:
        await super().spoil()
        # As long as a connection is kept, no name is looked up.
        await self.simulator.__aexit__()
        await self.simulator.__aenter__()

    async def repair(self) -> None:
        await super().repair()
        self._repaired.set()


PARTS: tuple[type[Part], ...] = (Receiver, Command, Heartbeat, Port, History, Names)
