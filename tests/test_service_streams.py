"""Streams that are slow, stall or are too many."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hn_comments import Settings
from hn_comments.service.latest import Latest
from hn_comments.service.streams import Streams

from .reports import report, titled
from .support import DEADLINE, MS, eventually


# A document of half a megabyte.
LARGE = [titled(number, "x" * 1000) for number in range(500)]


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Latest, Streams, int]]:
    """Yield a document, the streams that send it, and their port."""
    latest = Latest(Settings())
    streams = Streams(latest)
    app = web.Application()
    app.router.add_get("/events", streams.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield latest, streams, runner.addresses[0][1]
    finally:
        await streams.close()
        await runner.cleanup()


def connect(port: int) -> socket.socket:
    """Ask for a stream, and have little room for what comes."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


async def test_stream_that_stalls_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after it took nothing any more; others go on meanwhile."""
    monkeypatch.setattr("hn_comments.service.streams.PATIENCE", 100 * MS)
    async with serving() as (latest, streams, port):
        with connect(port):
            await eventually(lambda: len(streams) == 1)
            for number in range(1, 20):
                latest.publish(report(*LARGE, poll=number))
                await asyncio.sleep(0)
            assert latest.id.endswith("-19")
            await eventually(lambda: not len(streams))


async def test_slow_stream_gets_the_newest_document() -> None:
    """And none of those that came while it was busy."""
    async with serving() as (latest, streams, port):
        with connect(port) as client:
            await eventually(lambda: len(streams) == 1)
            polls = 0
            # The system takes some of them from us.
            while not any(stream.get_write_buffer_size() for stream in streams._open):
                polls += 1
                latest.publish(report(*LARGE, poll=polls))
                await asyncio.sleep(MS)
            for number in range(polls + 1, polls + 30):
                latest.publish(report(*LARGE, poll=number))
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection(sock=client, limit=1 << 22)
            numbers = [0]
            while numbers[-1] != polls + 29:
                line = (await reader.readline()).decode()
                if line.startswith("id: "):
                    numbers.append(int(line.rpartition("-")[2]))
            writer.close()

    assert numbers[-1] - numbers[-2] > 20


async def test_silent_stream_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """As events, which a page can hear; a new document is not kept waiting."""
    monkeypatch.setattr("hn_comments.service.streams.KEEP_ALIVE", 20 * MS)
    async with serving() as (latest, _, port):
        with connect(port) as client:
            reader, writer = await asyncio.open_connection(sock=client)
            async with asyncio.timeout(DEADLINE):
                await reader.readuntil(b"event: poll\n")
                for _ in range(2):
                    await reader.readuntil(b"event: alive\ndata: null\n\n")
                monkeypatch.setattr("hn_comments.service.streams.KEEP_ALIVE", 2 * DEADLINE)
                latest.publish(report())
                await reader.readuntil(b"event: poll\n")
            writer.close()


async def test_too_many_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a status that has a browser come back; a connection is a file, so it is closed."""
    monkeypatch.setattr("hn_comments.service.streams.MAX_STREAMS", 2)
    async with serving() as (_, streams, port):
        with connect(port), connect(port):
            await eventually(lambda: len(streams) == 2)
            with connect(port) as third:
                reader, writer = await asyncio.open_connection(sock=third)
                status = await reader.readline()
                async with asyncio.timeout(DEADLINE):
                    await reader.read()
                writer.close()

    assert status.split()[1] == b"503"
