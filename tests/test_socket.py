"""The socket: what it is for, how it falls back, and what a hostile server can do: nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hn_comments import Control, PollReport, Settings, Trouble, URLFetcher, watch
from hn_comments.api import open_source
from hn_comments.api import socket as socket_module
from hn_comments.api.protocol import (
    MAX_MESSAGE,
)
from hn_comments.api.source import Source
from hn_comments.events import Troubles
from hn_comments.simulator import Simulator

from . import wire
from .support import DEADLINE, MS, Ear, eventually, front_page
from .websocket import PING, Peer, Script, database


STORIES = 10

# Comments below each of the stories of `wire.front_page`.
COMMENTS = 2


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:  # noqa: ARG001
    """Have seconds be milliseconds, where it is not the waiting that is tested."""
    monkeypatch.setattr(socket_module, "PATIENCE", 300 * MS)
    monkeypatch.setattr(socket_module, "FIRST_WAIT", 20 * MS)
    monkeypatch.setattr("hn_comments.poller.SETTLE", 10 * MS)


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[tuple[Source, URLFetcher, Ear]]:
    """Open the socket at *url*, and listen to what is said of it."""
    ear = Ear()
    chosen = Settings(api_url=url, source="socket", **settings)
    async with open_source(chosen, Troubles(ear)) as source:
        yield source, URLFetcher(source), ear


async def polls(url: str, number: int, **settings: Any) -> tuple[list[PollReport], Ear]:
    """Return the reports of so many polls over the socket, and what was said beside them."""
    ear = Ear()
    chosen = Settings(
        **{
            "api_url": url,
            "source": "socket",
            "limit": STORIES,
            "polls": number,
            "period": 50 * MS,
            "fetch_timeout": 200 * MS,
            **settings,
        }
    )
    async with asyncio.timeout(DEADLINE):
        return [report async for report in watch(chosen, on_event=ear)], ear


def lost(ear: Ear) -> list[str]:
    """Return what was said of the socket, without what was only counted."""
    return [text for text in ear.sentences() if "socket" in text]


async def test_all_is_read_over_one_socket() -> None:
    """The same counts as over HTTP, and no request for any of them."""
    world = front_page(5, 30, 0)
    async with Simulator(world) as simulator:
        (report,), ear = await polls(simulator.url, 1)

        assert [story.exact_comments for story in report.stories] == [5, 30, 0]
        assert (report.source, report.retries, ear.sentences()) == ("socket", 0, [])
        assert simulator.requests == report.fetches
        assert simulator.sockets == 1


async def test_new_comment_is_told_long_before_the_next_tick() -> None:
    """A push wakes the poll, which finds it as any poll does."""
    world = front_page(5, 30)
    found: list[int] = []
    async with Simulator(world) as simulator:
        control = Control()
        settings = Settings(api_url=simulator.url, source="socket", period=3600, comments=True)
        async with contextlib.aclosing(watch(settings, control=control)) as reports:
            async for report in reports:
                assert report.status == "exact"
                found += [comment.item.id for comment in report.comments]
                if report.poll == 2:
                    comment = world.add_comment(world.top[0])
                if found:
                    control.stop()

    assert found == [comment]


async def test_nothing_new_costs_nothing() -> None:
    """After a poll that looks for what changed before it was told; points alone are no change."""
    world = front_page(5, 30)
    async with Simulator(world) as simulator:
        control = Control()
        settings = Settings(api_url=simulator.url, source="socket", period=3600)
        reports = watch(settings, control=control)
        first, second = [await anext(reports) for _ in range(2)]
        third = asyncio.create_task(anext(reports))
        await eventually(lambda: simulator.pushes >= 5)
        asked = simulator.requests
        for score in range(50):
            world.change(world.top[0])["score"] = score + 1000
            await asyncio.sleep(10 * MS)

        assert (first.status, second.status) == ("exact", "exact")
        assert simulator.requests == asked
        assert simulator.pushes > 6
        assert not third.done()
        control.stop()
        with pytest.raises(StopAsyncIteration):
            await third


async def test_only_what_is_shown_is_watched() -> None:
    """A post that left the list is watched no more."""
    async with (
        Simulator(front_page(1, 2, 3)) as simulator,
        opened(simulator.url) as (source, fetcher, _),
    ):
        heard: list[None] = []
        source.on_change = lambda: heard.append(None)
        first, second, third = await fetcher.fetch("topstories.json")
        source.watch([f"item/{first}.json", f"item/{second}.json"])
        await eventually(lambda: source.tells)
        source.watch([f"item/{third}.json"])
        await eventually(lambda: source.tells)
        before = len(heard)
        simulator.world.add_comment(first)
        simulator.world.add_comment(third)
        await eventually(lambda: len(heard) > before)

        assert simulator.pushes == 4


@pytest.mark.parametrize("frame", [50, 1000])
async def test_split_messages_are_put_together(frame: int) -> None:
    """Whatever the size of their frames."""
    async with Simulator(front_page(3, 40), weather={"split": frame}) as simulator:
        (report,), ear = await polls(simulator.url, 1)

    assert (report.status, report.source, ear.sentences()) == ("exact", "socket", [])


# What a server can do to a client, each in a few lines.


async def no_hello(_: Peer) -> None:
    await asyncio.Event().wait()


async def close(peer: Peer) -> None:
    await peer.greet()
    await peer.frame(b"", 0x8)


async def hang_up(peer: Peer) -> None:
    await peer.greet()


async def shut_down(peer: Peer) -> None:
    await peer.greet()
    await peer.control("s", "too many\x1b[2J visitors")


async def answer_nothing(peer: Peer) -> None:
    await peer.greet()
    await asyncio.Event().wait()


async def answer_one_a_second(peer: Peer) -> None:
    await peer.greet()
    while True:
        request = await peer.hear()
        await asyncio.sleep(1000 * MS)
        await peer.answer(request)


def broken(frame: bytes, **more: int) -> Script:
    """Return a server that sends *frame* instead of its third answer."""

    async def script(peer: Peer) -> None:
        await peer.greet()
        for _ in range(2):
            await peer.answer(await peer.hear())
        await peer.frame(frame, **more)
        await asyncio.Event().wait()

    return script


async def send_elsewhere(peer: Peer) -> None:
    await peer.control("r", "evil.example")
    await asyncio.Event().wait()


async def send_in_circles(peer: Peer) -> None:
    await peer.control("r", f"127.0.0.1:{peer.writer.get_extra_info('sockname')[1]}")
    await asyncio.Event().wait()


async def count_for_ever(peer: Peer) -> None:
    await peer.greet()
    await peer.frame(b"9999")
    while True:
        await peer.frame(b"x" * 16_384)


FALLBACKS: dict[str, tuple[Script, str]] = {
    "no hello": (no_hello, "no hello within"),
    "close": (close, "the server hung up"),
    "hang up": (hang_up, "the server hung up"),
    "shutdown": (shut_down, "the server ends it: too many"),
    "no answer": (answer_nothing, "no answer within 0.2 seconds"),
    "one a second": (answer_one_a_second, "no answer within 0.2 seconds"),
    "not JSON": (broken(b"<html>"), "a message is not JSON"),
    "too deep": (broken(b"[" * 100_000), "a message is not JSON"),
    "not a message": (broken(b"[1234567]"), "a message makes no sense"),
    "wrong types": (broken(b'{"t":"d","d":{"r":"1","b":5}}'), "a message makes no sense"),
    "binary": (broken(b"1", kind=0x2), "a frame is not text"),
    "compressed": (broken(b"1234567", reserved=0x40), "a frame is not valid"),
    "not UTF-8": (broken(b"\xff" * 10), "a frame is not valid"),
    "10 MB": (broken(b"1" * 10_000_000), f"a frame is larger than {MAX_MESSAGE} bytes"),
    "10 MB in frames": (count_for_ever, f"a message is larger than {MAX_MESSAGE} characters"),
    "too many frames": (broken(b"999999"), "a message of 999999 frames"),
    "another version": (broken(b'{"t":"c","d":{"t":"h","d":{"v":"6"}}}'), "version 6"),
    "no more": (broken(b'{"t":"d","d":{"a":"c","b":{"p":"v0/maxitem"}}}'), "it says no more"),
    "another domain": (send_elsewhere, "it sends us to another domain: evil.example"),
    "circles": (send_in_circles, "it sends us elsewhere, again and again"),
}


@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("name", FALLBACKS)
async def test_http_takes_over(name: str, retries: int) -> None:
    """Whatever ends the socket: it is said once, with the reason, and every count is exact."""
    script, reason = FALLBACKS[name]
    async with database(wire.front_page(STORIES), script) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        reports, ear = await polls(url, 2, retries=retries)

    assert [report.status for report in reports] == ["exact", "exact"]
    counts = {story.exact_comments for report in reports for story in report.stories}
    assert counts == {COMMENTS}
    beginnings = [event for event in ear.events if isinstance(event, Trouble) and event.first]
    assert [event.kind for event in beginnings if event.kind != "ticks"][:1] == ["socket"]
    assert reason in beginnings[0].reason
    assert "\x1b" not in beginnings[0].reason
    assert any(b"GET /v0/" in head for head in server.heads)


async def test_server_without_a_socket() -> None:
    """Is asked over HTTP, and for the socket again and again."""
    answer = wire.api(wire.front_page(STORIES))
    for plain, reason in (
        (answer, "there is none: HTTP 200"),
        (wire.say(wire.http(b"", b"Location: http://127.0.0.1:9/", status=b"302 Found")), "302"),
    ):

        async def choose(path: str, *ends: Any, plain: Any = plain) -> bool:
            return await (plain if path.startswith("/.ws") else answer)(path, *ends)

        async with wire.serve(choose) as server:
            (report, *_), ear = await polls(f"http://127.0.0.1:{server.port}/v0", 1)

        assert (report.status, report.source) == ("exact", "http")
        assert reason in lost(ear)[0]


# What a server can do to a client that changes nothing, or only what it says itself.


async def answer_twice(peer: Peer) -> None:
    await peer.greet()
    while True:
        request = await peer.hear()
        await peer.answer(request)
        await peer.respond(request["r"], {"id": 666})


async def answer_what_nobody_asked(peer: Peer) -> None:
    await peer.greet()
    while True:
        request = await peer.hear()
        for number in (0, -1, request["r"] + 1000, 10**300):
            await peer.respond(number, {"id": 666})
        await peer.answer(request)


async def push_what_nobody_watches(peer: Peer) -> None:
    await peer.greet()
    while True:
        for path in ("", "/", "v0", "v0/item/1", "v0/item/1/kids", "v0/maxitem/x/y"):
            await peer.push(path, {"id": 666, "kids": [666]})
            await peer.push(path, None, "m")
        await peer.answer(await peer.hear())


async def ping_all_the_time(peer: Peer) -> None:
    async def flood() -> None:
        while True:
            await peer.frame(b"x" * 125, PING)
            await asyncio.sleep(0)

    pinging = asyncio.create_task(flood())
    try:
        await peer.serve()
    finally:
        pinging.cancel()


async def answer_in_reverse(peer: Peer) -> None:
    await peer.greet()
    while True:
        requests = [await peer.hear()]
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(5 * MS):
                    requests.append(await peer.hear())
        for request in reversed(requests):
            await peer.answer(request)


async def say_strange_things(peer: Peer) -> None:
    await peer.greet()
    while True:
        await peer.control("o", {})
        await peer.control("x", [1])
        await peer.say({"t": "d", "d": {"a": "sd", "b": {}}})
        await peer.frame(b"0")
        await peer.answer(await peer.hear())


HARMLESS: list[Script] = [
    answer_twice,
    answer_what_nobody_asked,
    push_what_nobody_watches,
    ping_all_the_time,
    say_strange_things,
]


@pytest.mark.parametrize("script", HARMLESS)
async def test_nonsense_beside_the_answers_is_no_answer(script: Script) -> None:
    """All is exact, over the socket."""
    async with database(wire.front_page(STORIES), script) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        (report,), ear = await polls(url, 1, fetch_timeout=10)

    assert (report.status, report.source) == ("exact", "socket")
    assert {story.exact_comments for story in report.stories} == {COMMENTS}
    assert lost(ear) == []
