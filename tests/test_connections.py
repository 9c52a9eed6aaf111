"""Kept connections, new ones, and how far a request comes on them."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from yarl import URL

from hn_comments import ConnectionFailed, FetchTimeout, Session, Settings, URLFetcher
from hn_comments.api.aiohttp_errors import guess
from hn_comments.api.connections import Phase
from hn_comments.memory.memory import Memory

from . import wire
from .support import COMMAND, MS, asking, eventually, poll_once


# Kept connections that one test has.
KEPT = 10


@asynccontextmanager
async def kept_connections(retries: int = 1) -> AsyncIterator[tuple[wire.Network, URLFetcher]]:
    """Give a fetcher whose session has idle connections through a network."""
    async with (
        wire.serve(wire.api(wire.front_page(50))) as server,
        wire.network(server.port) as network,
    ):
        chosen = Settings(
            api_url=f"http://127.0.0.1:{network.port}/v0",
            fetch_timeout=300 * MS,
            retries=retries,
        )
        async with Session(chosen) as session:
            fetcher = URLFetcher(session)
            await asyncio.gather(*(fetcher.fetch("maxitem.json") for _ in range(KEPT)))
            assert network.connections == KEPT
            yield network, fetcher


async def test_idle_connections_are_used_again() -> None:
    """Until one proves dead, all are good."""
    async with kept_connections() as (network, fetcher):
        await asyncio.gather(*(fetcher.fetch("maxitem.json") for _ in range(KEPT)))

        assert network.connections == KEPT


async def test_one_dead_connection_condemns_all_idle_ones() -> None:
    """One time limit, then a new connection answers: not one limit for each dead one."""
    async with kept_connections() as (network, fetcher):
        await network.forget()

        assert await fetcher.fetch("maxitem.json") == 150

        assert fetcher.retry_counter == 1
        assert network.connections == KEPT + 1
        # And what was opened since is kept.
        assert await fetcher.fetch("maxitem.json") == 150
        assert network.connections == KEPT + 1


async def test_poll_after_the_network_forgot_is_right() -> None:
    """Only what went out on dead connections is asked again: the first three questions."""
    async with kept_connections() as (network, fetcher):
        memory = Memory()
        before = await poll_once(fetcher, memory=memory, limit=50)
        await network.forget()

        again = URLFetcher(fetcher.source)
        after = await poll_once(again, memory=memory, limit=50)

    assert before.status == after.status == "exact"
    assert [story.count for story in before.stories] == [story.count for story in after.stories]
    assert again.retry_counter == 3


async def test_reset_condemns_as_well() -> None:
    """The network may say that it forgot, once it is asked."""
    async with kept_connections() as (network, fetcher):
        await network.forget(tell=True)

        assert await fetcher.fetch("maxitem.json") == 150

        assert fetcher.retry_counter == 1
        assert network.connections == KEPT + 1


async def test_short_try_condemns_as_well() -> None:
    """An item that failed in an earlier poll may be the first to find out."""
    async with kept_connections(retries=0) as (network, fetcher):
        await network.forget()
        with pytest.raises(FetchTimeout, match=f"{75 * MS:g} seconds: connected, but no answer"):
            await fetcher.fetch("item/1.json", failed=True)

        assert await fetcher.fetch("maxitem.json") == 150


async def test_slow_item_condemns_nothing_while_others_are_answered() -> None:
    """It is its own trouble: a walk does not connect anew for it."""
    async with asking(all_but_item_2, fetch_timeout=200 * MS, retries=0) as (server, fetcher):
        await asyncio.gather(*(fetcher.fetch("maxitem.json") for _ in range(3)))
        slow = asyncio.create_task(fetcher.fetch("item/2.json"))
        while not slow.done():
            await fetcher.fetch("item/1.json")
        await asyncio.gather(*(fetcher.fetch("item/1.json") for _ in range(2)))

    assert isinstance(slow.exception(), FetchTimeout)
    assert server.connections == 3


async def test_new_connection_that_is_silent_condemns_no_kept_ones() -> None:
    """It says nothing about those that were opened before."""
    async with asking(all_but_item_2, fetch_timeout=200 * MS, retries=0) as (server, fetcher):
        slow = asyncio.create_task(fetcher.fetch("item/2.json"))
        await eventually(lambda: server.heads)
        await fetcher.fetch("item/1.json")
        with pytest.raises(FetchTimeout):
            await slow
        await fetcher.fetch("item/1.json")

    assert server.connections == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_command_goes_on_after_the_network_forgot(scheme: str, tmp_path: Path) -> None:
    """The second poll is exact, nothing is said, and at the end nothing is left open."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = wire.certificate(authority) if scheme == "https" else None
    async with (
        wire.serve(wire.api(wire.front_page(3)), context) as server,
        wire.network(server.port) as network,
    ):
        options = ["--polls", "2", "--period", "2", "--retries", "1", "--format", "json"]
        where = ["--fetch-timeout", str(500 * MS), "--api-url"]
        process = await asyncio.create_subprocess_exec(
            *[*COMMAND, *options, *where, f"{scheme}://127.0.0.1:{network.port}/v0"],
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b'{"type": "story", "poll": 1')
        await network.forget()
        out, err = await process.communicate()

    assert process.returncode == 0
    last = json.loads(out.splitlines()[-1])
    assert (last["poll"], last["status"], last["retries"]) == (2, "exact", 3)
    assert b"Warning" not in err
    assert b"failed" not in err


async def reason(api_url: str, fetches: int = 1) -> str:
    """Return why fetches from there fail in time."""
    async with Session(Settings(api_url=api_url, retries=0, fetch_timeout=150 * MS)) as session:
        fetcher = URLFetcher(session)
        results = await asyncio.gather(
            *(fetcher.fetch("x.json") for _ in range(fetches)), return_exceptions=True
        )
    (said,) = {str(result) for result in results}
    start, _, told = said.partition(" seconds: ")
    assert start == f"x.json: no answer within {150 * MS:g}"
    return told


async def all_but_item_2(
    path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Answer as the API does, but for one item."""
    answer = hang if "item/2" in path else wire.api(wire.front_page(5))
    return await answer(path, reader, writer)


async def hang(_: str, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> bool:
    """Say nothing, until the client has gone away."""
    await reader.read()
    return False


async def test_silent_name_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit covers the name, too; those who wait beside the first one say the same."""
    silence = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: silence.wait(20))

    assert await reason("https://hn.example/v0", fetches=3) == "the name was not resolved"
    silence.set()


async def test_unknown_name_is_told() -> None:
    """Which one, and what the system said."""
    async with Session(Settings(api_url="http://hn.invalid/v0", retries=0)) as session:
        with pytest.raises(ConnectionFailed, match=r"the name hn\.invalid was not resolved: [A-Z]"):
            await URLFetcher(session).fetch("x.json")


async def test_unknown_name_of_a_proxy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the address that is wrong."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    async with Session(Settings(api_url="http://hn.invalid/v0", retries=0)) as session:
        with pytest.raises(
            ConnectionFailed, match=r"proxy\.invalid was not resolved: .*\(the proxy\)$"
        ):
            await URLFetcher(session).fetch("x.json")


@pytest.mark.skipif(sys.platform != "linux", reason="others answer when the queue is full")
async def test_firewall_is_told() -> None:
    """It drops the first packet, as a listener does whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        told = await reason(f"https://127.0.0.1:{port}/v0", fetches=3)
        for one in waiting:
            one.close()

    assert told == "no connection"


@pytest.mark.parametrize(
    ("scheme", "answer", "told"),
    [
        # A server without TLS may wait for the rest of what it takes for a line.
        ("https", b"", "connected, but no TLS (is it an http:// address?)"),
        ("http", b"", "connected, but no answer"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Le", "connected, but no answer"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,", "the answer is not complete"),
    ],
)
async def test_silent_server_is_told(scheme: str, answer: bytes, told: str) -> None:
    """How far it came: the handshake, the head of the answer, its body."""

    async def stall(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        return await hang(path, reader, writer)

    async with wire.serve(stall) as server:
        assert await reason(f"{scheme}://127.0.0.1:{server.port}/v0") == told


async def test_silent_server_with_tls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the handshake it is like any other."""
    async with wire.serve(hang, wire.certificate(wire.trust(monkeypatch))) as server:
        assert await reason(f"https://127.0.0.1:{server.port}/v0") == "connected, but no answer"


@pytest.mark.parametrize(
    ("scheme", "told"), [("http", "connected, but no answer"), ("https", "connected, but no TLS")]
)
async def test_silent_proxy_is_named(
    scheme: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its password, and without a guess at the address behind it."""
    async with wire.serve(hang) as server:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:hunter2@127.0.0.1:{server.port}")
        monkeypatch.delenv("no_proxy", raising=False)

        assert (
            await reason(f"{scheme}://hn.invalid:8443/v0")
            == f"{told} (proxy 127.0.0.1:{server.port})"
        )


async def test_no_guess_about_a_server_that_has_answered() -> None:
    """Its address is right, whatever it does later."""
    async with asking(wire.say(wire.http(b"7")), retries=0) as (server, fetcher):
        assert await fetcher.fetch("x.json") == 7
        server.answer = wire.say(b"", kept=False)
        with pytest.raises(ConnectionFailed, match=r"hung up without an answer$"):
            await fetcher.fetch("x.json")


async def test_no_guess_where_the_port_is_the_usual_one() -> None:
    """Behind a firewall at port 443 nobody wonders whether it is https."""
    timeout = TimeoutError()

    assert guess(timeout, URL("https://hn.example/"), Phase.TLS) == ""
    assert (
        guess(timeout, URL("https://hn.example:8443/"), Phase.TLS) == " (is it an http:// address?)"
    )
    assert guess(timeout, URL("https://hn.example:8443/"), Phase.NAME) == ""
    assert guess(aiohttp.ServerDisconnectedError(), URL("http://hn.example/"), None) == ""
