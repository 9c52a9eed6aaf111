"""
Servers that break the rules of HTTP, or of politeness: each is told in one sentence.

None of them leaves anything behind: no open file, no task, no warning.
"""

import asyncio
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import pytest

from hn_comments import (
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchError,
    FetchTimeout,
    NotJSON,
    Session,
    Settings,
    URLFetcher,
)

from . import wire
from .support import MS, asking, eventually


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def stall(start: bytes) -> wire.Answer:
    """Return what begins an answer so, and never ends it."""

    async def begin(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await wire.say(start)(path, reader, writer)
        await reader.read()
        return False

    return begin


def flood(start: bytes, more: bytes) -> wire.Answer:
    """Return what begins an answer so, and goes on for ever."""

    async def pour(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await wire.say(start)(path, reader, writer)
        while not writer.is_closing():
            await wire.say(100 * more)(path, reader, writer)
        return False

    return pour


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n7",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n7",
        OK + b"\r\n7",
        OK + b"Connection: close\r\nContent-Length: 1\r\n\r\n7",
        OK + b"Content-Length: 1\r\n\r\n7",
        CHUNKED + b"1\r\n7\r\n0\r\n\r\n",
        CHUNKED + b"1;a=b\r\n7\r\n0\r\nX-Trailer: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + wire.http(b"7"),
        # A second answer, to nothing, is not taken for one to the next request.
        wire.http(b"7") + wire.http(b"8"),
    ],
)
async def test_answers_that_are_good(answer: bytes) -> None:
    """However old the server, and however it ends a connection: after each answer, unsaid."""
    async with asking(wire.say(answer, kept=False)) as (_, fetcher):
        assert [await fetcher.fetch("x.json") for _ in range(3)] == [7, 7, 7]


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (b"", ConnectionFailed, "the server hung up without an answer"),
        (b"HTTP/1.1 200 OK\r\nConte", ConnectionFailed, "the server hung up without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ConnectionFailed, "the server hung up without an"),
        (b"7", ConnectionFailed, "the answer is not HTTP: Bad status line"),
        (b"\x00\x00\x12\x04\x00", ConnectionFailed, "the answer is not HTTP: Bad status line"),
        (b"HTTP/1.1 99999 X\r\n\r\n", ConnectionFailed, "the answer is not HTTP: Bad status line"),
        (OK + b"a b\r\n\r\n", ConnectionFailed, "the answer is not HTTP: Invalid header token"),
        (OK + b"X: y\r\n" * 9999 + b"\r\n", ConnectionFailed, "the answer is not HTTP: Too many"),
        (OK + b"X: " + b"y" * 99_999, ConnectionFailed, "the answer is not HTTP: Got more than"),
        (OK + b"Content-Length: -1\r\n\r\n7", ConnectionFailed, "the answer is not HTTP: Invalid"),
        (OK + b"Content-Length: 9\r\n\r\n7", ConnectionFailed, "the answer broke off: Not enough"),
        (wire.http(b"7") + b"\xff", ConnectionFailed, "the answer is not HTTP"),
        (CHUNKED + b"zz\r\n7\r\n0\r\n\r\n", ConnectionFailed, "the answer is not HTTP: Invalid"),
        (CHUNKED + b"f" * 20 + b"\r\n7", ConnectionFailed, "the answer is not HTTP: Chunk size"),
        (CHUNKED + b"5\r\n7", ConnectionFailed, "the answer broke off: Not enough data"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", BadStatus, "HTTP 204"),
        (wire.http(b"7", status=b"206 Partial Content"), BadStatus, "HTTP 206"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", BadStatus, "HTTP 304"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nx", BadStatus, "HTTP 101"),
        (wire.http(b"", status=b"302 Found"), BadStatus, "HTTP 302"),
        (OK + b"Content-Length: 99999999999\r\n\r\n", BodyTooLarge, "the answer is larger than"),
        (wire.http(b""), NotJSON, "the answer is not JSON"),
    ],
)
async def test_answers_that_are_not(answer: bytes, error: type[FetchError], sentence: str) -> None:
    """What came instead, in a few words."""
    async with asking(wire.say(answer, kept=False), retries=0) as (_, fetcher):
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch("x.json")

    assert type(caught.value) is error
    assert str(caught.value).startswith(f"x.json: {sentence}")
    assert str(caught.value).isprintable()
    assert "^" not in str(caught.value)
    assert len(str(caught.value)) < 200


SILENT = {
    "hangs": stall(b""),
    "hangs in the head": stall(OK + b"Conte"),
    "hangs in the body": stall(OK + b"Content-Length: 9\r\n\r\n7"),
    "hangs before the last chunk": stall(CHUNKED + b"1\r\n7\r\n"),
    "goes on to promise": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "goes on with nothing": flood(CHUNKED, b"1\r\n \r\n"),
    "goes on with a size": flood(CHUNKED + b"1;", b"a"),
}


@pytest.mark.parametrize("name", SILENT)
async def test_servers_that_never_end(name: str) -> None:
    """Whether they say nothing or too much, a request has its time."""
    async with asking(SILENT[name], retries=0, fetch_timeout=100 * MS) as (_, fetcher):
        with pytest.raises(FetchTimeout, match=r"(connected, but no answer|not complete)$"):
            await fetcher.fetch("x.json")


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


LEAVING = {
    **{name: SILENT[name] for name in ("hangs", "hangs in the body")},
    "hangs up": wire.say(b"", kept=False),
    "breaks off": wire.say(OK + b"Content-Length: 9\r\n\r\n7", kept=False),
    "is too large": stall(OK + b"Content-Length: 99999999999\r\n\r\n"),
    "says too much": stall(wire.http(b"7") + b"\xff"),
    "fails with a long body": stall(b"HTTP/1.1 404 X\r\nContent-Length: 99999\r\n\r\n7"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", LEAVING)
async def test_nothing_stays_open(name: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for the half minute that TLS waits for the goodbye of a silent server."""
    context = wire.certificate(wire.trust(monkeypatch)) if scheme == "https" else None
    async with wire.serve(LEAVING[name], context) as server:
        before = open_files()
        chosen = Settings(
            api_url=f"{scheme}://127.0.0.1:{server.port}/v0",
            retries=0,
            fetch_timeout=300 * MS,
        )
        async with Session(chosen) as session:
            fetcher = URLFetcher(session)
            results = await asyncio.gather(
                *(fetcher.fetch("x.json") for _ in range(40)), return_exceptions=True
            )
            await eventually(lambda: open_files() <= before)

    assert fetcher.fetch_counter == 40
    assert all(isinstance(result, FetchError) for result in results)


async def test_certificate_that_expires_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a connection is made anew; one that was made before is good until it ends."""
    authority = wire.trust(monkeypatch)
    context = wire.certificate(authority)
    past: dict[str, Any] = {
        "not_before": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
        "not_after": dt.datetime(2000, 1, 2, tzinfo=dt.UTC),
    }
    async with (
        wire.serve(wire.say(wire.http(b"7")), context) as server,
        Session(Settings(api_url=f"https://127.0.0.1:{server.port}/v0")) as session,
    ):
        fetcher = URLFetcher(session)
        assert await fetcher.fetch("x.json") == 7
        authority.issue_cert("127.0.0.1", **past).configure_cert(context)
        assert await fetcher.fetch("x.json") == 7

        answers = await asyncio.gather(
            *(fetcher.fetch("x.json") for _ in range(2)), return_exceptions=True
        )

    assert answers[0] == 7
    assert isinstance(answers[1], CertificateInvalid)
    assert "certificate has expired" in str(answers[1])
    assert fetcher.retry_counter == 0
