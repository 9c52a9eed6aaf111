"""The socket: what it is for, how it falls back, and what a hostile server can do: nothing."""

import asyncio
import contextlib
import itertools
import random
import signal
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from yarl import URL

from hn_comments import Control, PollReport, Session, Settings, Trouble, URLFetcher, watch
from hn_comments.api import line as line_module
from hn_comments.api import open_source
from hn_comments.api import socket as socket_module
from hn_comments.api.deadlines import Deadlines
from hn_comments.api.line import Lost, dial
from hn_comments.api.protocol import MAX_MESSAGE
from hn_comments.api.socket import is_near, socket_address
from hn_comments.api.source import Source
from hn_comments.events import Troubles
from hn_comments.simulator import Simulator

from . import wire
from .support import COMMAND, DEADLINE, MS, Ear, eventually, front_page, outcome, started
from .websocket import CLOSE, PING, Peer, Script, database


STORIES = 10

# Comments below each of the stories of `wire.front_page`.
COMMENTS = 2


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:  # noqa: ARG001
    """Have seconds be milliseconds, where it is not the waiting that is tested."""
    monkeypatch.setattr(socket_module, "FIRST_WAIT", 20 * MS)
    monkeypatch.setattr("hn_comments.poller.SETTLE", 10 * MS)


@pytest.fixture
def _short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have silence on the socket be noticed soon; HTTP keeps its time, on a busy machine."""
    monkeypatch.setattr(socket_module, "HELLO_TIMEOUT", 300 * MS)
    monkeypatch.setattr(socket_module, "Deadlines", lambda _: Deadlines(200 * MS))


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


async def test_socket_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is given whole addresses; the simulator takes them for its own, as one would."""
    async with Simulator(front_page(5, 30)) as simulator:
        monkeypatch.setenv("http_proxy", simulator.url.removesuffix("/v0"))
        (report,), ear = await polls("http://hn.example/v0", 1)

        assert [story.exact_comments for story in report.stories] == [5, 30]
        assert (report.source, ear.sentences(), simulator.sockets) == ("socket", [], 1)


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


# What a server can do to a client, each in a few lines; the reason is what the client says of it.


async def stall(_: Peer) -> None:
    await asyncio.Event().wait()


async def hang_up(_: Peer) -> None:
    """Return, which ends the connection."""


async def say_goodbye(peer: Peer) -> None:
    await peer.frame(b"", CLOSE)
    await stall(peer)


async def shut_down(peer: Peer) -> None:
    await peer.control("s", "too many\x1b[2J visitors")
    await stall(peer)


async def answer_one_a_second(peer: Peer) -> None:
    while True:
        request = await peer.hear()
        await asyncio.sleep(1000 * MS)
        await peer.answer(request)


async def send_elsewhere(peer: Peer) -> None:
    await peer.control("r", "evil.example")
    await stall(peer)


async def send_in_circles(peer: Peer) -> None:
    await peer.control("r", f"127.0.0.1:{peer.writer.get_extra_info('sockname')[1]}")
    await stall(peer)


async def count_for_ever(peer: Peer) -> None:
    await peer.frame(b"9999")
    while True:
        await peer.frame(b"x" * 16_384)


def send(frame: bytes, **more: int) -> Script:
    """Return a server that sends one frame, and nothing any more."""

    async def script(peer: Peer) -> None:
        await peer.frame(frame, **more)
        await stall(peer)

    return script


MISDEEDS: dict[str, tuple[Script, str]] = {
    "stall": (stall, "within"),
    "hang up": (hang_up, "the server hung up"),
    "goodbye": (say_goodbye, "the server hung up"),
    "shutdown": (shut_down, "the server ends it: too many"),
    "one a second": (answer_one_a_second, "within"),
    "not JSON": (send(b"<html>!"), "a message is not JSON"),
    "too deep": (send(b"[" * 100_000), "a message is not JSON"),
    "not a message": (send(b"[1234567]"), "a message makes no sense"),
    "wrong number": (send(b'{"t":"d","d":{"r":true,"b":{"s":"ok"}}}'), "makes no sense"),
    "wrong types": (send(b'{"t":"d","d":{"r":1,"b":5}}'), "a message makes no sense"),
    "binary": (send(b"1", kind=0x2), "a frame is not text"),
    "compressed": (send(b"1234567", reserved=0x40), "a frame is not valid"),
    "not UTF-8": (send(b"\xff" * 10), "a frame is not valid"),
    "10 MB": (send(b"1" * 10_000_000), f"a frame is larger than {MAX_MESSAGE} bytes"),
    "10 MB in frames": (count_for_ever, f"a message is larger than {MAX_MESSAGE} characters"),
    "too many frames": (send(b"999999"), "a message of 999999 frames"),
    "frames that never come": (send(b"3"), "within"),
    "another version": (send(b'{"t":"c","d":{"t":"h","d":{"v":"6"}}}'), "version 6"),
    "no more": (send(b'{"t":"d","d":{"a":"c","b":{"p":"v0/maxitem"}}}'), "it says no more"),
    "another domain": (send_elsewhere, "it sends us to another domain: evil.example"),
    "circles": (send_in_circles, "it sends us elsewhere, again and again"),
}

# Answers before the misdeed: none, not even a hello; some of the first walk; all of it.
MOMENTS = {"at first": None, "in the walk": 7, "in the middle": 20, "after the walk": 40}


@pytest.mark.usefixtures("_short_of_time")
@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", MISDEEDS)
async def test_http_takes_over(name: str, moment: str, retries: int) -> None:
    """Whatever ends the socket, and when: it is said once, and every count is exact."""
    (misdeed, reason), answers = MISDEEDS[name], MOMENTS[moment]

    async def script(peer: Peer) -> None:
        # Later ones are as bad at once.
        if answers is not None and peer.number == 0:
            await peer.greet()
            for _ in range(answers):
                await peer.answer(await peer.hear())
        await misdeed(peer)

    async with database(wire.front_page(STORIES), script) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        reports, ear = await polls(url, 3, retries=retries)

    assert [report.status for report in reports] == ["exact"] * 3
    assert {post.exact_comments for report in reports for post in report.stories} == {COMMENTS}
    said = [event for event in ear.events if isinstance(event, Trouble) and event.kind == "socket"]
    assert said[0].first
    # A busy machine may not read it in time.
    assert reason in said[0].reason or "within" in said[0].reason
    assert "\x1b" not in said[0].reason
    assert any(b"GET /v0/" in head for head in server.heads)


@pytest.mark.parametrize("seed", range(50))
async def test_connection_is_lost_at_any_moment(seed: int) -> None:
    """Of a walk, again and again: nothing is lost, nothing is read twice by the same poll."""
    chance = random.Random(seed)

    async def script(peer: Peer) -> None:
        await peer.greet()
        for _ in range(chance.randrange(30)):
            await peer.answer(await peer.hear())
        if chance.random() < 1 / 2:
            # In the middle of a frame.
            peer.writer.write(b"\x81\x7e\x10\x00half of it")

    async with database(wire.front_page(STORIES), script) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        (report,), _ = await polls(url, 1, retries=0)

    assert report.status == "exact"
    assert {story.exact_comments for story in report.stories} == {COMMENTS}
    assert report.fetches - report.retries == 3 * STORIES + 1


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
        (report,), ear = await polls(url, 1)

    assert (report.status, report.source) == ("exact", "socket")
    assert {story.exact_comments for story in report.stories} == {COMMENTS}
    assert lost(ear) == []


async def test_each_new_comment_is_told_once_in_any_weather() -> None:
    """While the connection is reset all the time."""
    world = front_page(3, 20)
    found: list[int] = []
    async with Simulator(world, weather={"reset": 30 * MS}) as simulator:
        control = Control()
        settings = Settings(
            api_url=simulator.url, source="socket", period=10 * MS, comments=True, max_running=1
        )
        written: list[int] = []
        async with contextlib.aclosing(watch(settings, control=control)) as reports:
            async for report in reports:
                assert report.status == "exact"
                found += [comment.item.id for comment in report.comments]
                if len(written) < 20:
                    written.append(world.add_comment(world.top[0]))
                elif len(found) >= len(written) and simulator.sockets > 3:
                    control.stop()

    assert sorted(found) == written


async def test_socket_comes_back_and_that_is_said() -> None:
    """After it has lasted as long as the wait for it."""
    async with database(wire.front_page(STORIES), Peer.serve) as server:
        answer, server.answer = server.answer, wire.say(wire.http(b"", status=b"503 Busy"))
        async with opened(f"http://127.0.0.1:{server.port}/v0") as (source, fetcher, ear):
            await eventually(lambda: lost(ear))
            server.answer = answer
            await eventually(lambda: source.name == "socket")
            await eventually(lambda: len(lost(ear)) == 2)

            assert await fetcher.fetch("maxitem.json") == 3 * STORIES
    assert "there is none: HTTP 503 (it is tried again)" in lost(ear)[0]
    assert lost(ear)[1].startswith("The socket is back, after")


async def test_socket_that_comes_and_goes_is_said_once() -> None:
    """It is counted, and tried at growing distances."""
    async with (
        database(wire.front_page(STORIES), Peer.greet) as server,
        opened(f"http://127.0.0.1:{server.port}/v0") as (_, __, ear),
    ):
        await eventually(lambda: server.connections >= 5)

    assert len(lost(ear)) == 1


async def test_host_that_the_server_names_is_asked() -> None:
    """If it is the same one, or of the same database."""
    world = front_page(5)
    async with Simulator(world) as other, Simulator(world, weather={"redirect": 0}) as simulator:
        simulator.elsewhere = f"127.0.0.1:{other.port}"
        (report,), ear = await polls(simulator.url, 1)

        assert (report.status, report.source, lost(ear)) == ("exact", "socket", [])
        assert (simulator.sockets, other.sockets) == (1, 1)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("s-usc1c-nss-209.firebaseio.com", True),
        ("hacker-news.firebaseio.com:443", True),
        ("HACKER-NEWS.firebaseio.com", True),
        ("s-euw1.europe-west1.firebasedatabase.app", False),
        ("firebaseio.com.evil.example", False),
        ("evilfirebaseio.com", False),
        ("evil.example/.firebaseio.com", False),
        ("user@x.firebaseio.com", False),
        ("evil.example#.firebaseio.com", False),
        ("evil.example?.firebaseio.com", False),
        ("127.0.0.1", False),
        ("x.firebaseio.com:99999", False),
        ("", False),
        ("\x00", False),
        (".firebaseio.com", False),
    ],
)
def test_only_the_same_database_is_near(host: str, near: bool) -> None:  # noqa: FBT001
    """A redirect leads to no other domain, however it is spelled."""
    assert is_near(host, "hacker-news.firebaseio.com") is near


def test_address_of_the_socket() -> None:
    """TLS where HTTP has it, and the namespace that the host is called by."""
    real = socket_address("https://hacker-news.firebaseio.com/v0", "s-1.firebaseio.com")
    local = socket_address("http://127.0.0.1:8123/v0", "127.0.0.1:8123")

    assert str(real) == "wss://s-1.firebaseio.com/.ws?v=5&ns=hacker-news"
    assert str(local) == "ws://127.0.0.1:8123/.ws?v=5&ns=hacker-news"


async def test_quiet_connection_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a sign that is no request."""
    monkeypatch.setattr(line_module, "QUIET", 5 * MS)
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await peer.serve()

    async with (
        database(wire.front_page(STORIES), script) as server,
        opened(f"http://127.0.0.1:{server.port}/v0") as (source, _, ear),
    ):
        await eventually(lambda: peers and peers[0].signs >= 3)

        assert (source.name, lost(ear)) == ("socket", [])


@pytest.mark.parametrize("answer", [wire.hang_up, wire.say(wire.http(b"", status=b"404 No"))])
async def test_sockets_that_failed_leave_nothing_behind(answer: wire.Answer) -> None:
    """However many there were: more requests in flight than before still pay."""
    async with wire.serve(answer) as server:
        url = URL(f"ws://127.0.0.1:{server.port}/.ws")
        async with Session(Settings()) as session:
            for _ in range(300):
                with pytest.raises(Lost):
                    await dial(session, url, lambda _: None)

            assert server.connections == 300
            assert session._room.pays(1)
            assert not session._room.new


async def test_fault_of_ours_is_told_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: HTTP goes on."""

    async def dial(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(socket_module, "dial", dial)
    async with Simulator(front_page(5)) as simulator:
        (report,), ear = await polls(simulator.url, 1)

    assert (report.status, report.source) == ("exact", "http")
    assert "RuntimeError: a bug" in lost(ear)[0]


@pytest.mark.usefixtures("_short_of_time")
@pytest.mark.parametrize("fault", ["401", "500", "null", "wrong-id", "cycle", "hang", "garbage"])
async def test_faults_of_single_reads(fault: str) -> None:
    """An answer is never exact and wrong; what is spoilt once comes with the next try."""
    world = front_page(5, 30)
    story = world.top[0]
    comment = (world.items[story] or {})["kids"][0]
    async with Simulator(world) as simulator:
        simulator.fail(f"item/{comment}", fault, times=1)
        (report,), _ = await polls(simulator.url, 1)

    (post, other) = report.stories
    assert other.exact_comments == 30
    if fault in {"null", "wrong-id", "cycle"}:
        assert post.status == "partial" or (post.count and post.count.missing)
    else:
        assert post.exact_comments == 5


async def test_storm_of_changes_is_one_poll_now_and_then() -> None:
    """However often a server says that something changed; and nothing that it says is kept."""
    pushes = 0

    async def script(peer: Peer) -> None:
        async def storm() -> None:
            nonlocal pushes
            for pushes in itertools.count():
                await peer.push("v0/maxitem", pushes)
                await peer.push(f"v0/item/{pushes}", "x" * 10_000)
                await peer.push("v0/topstories", ["x" * 10_000, pushes])
                await asyncio.sleep(MS / 10)

        storming = asyncio.create_task(storm())
        try:
            await peer.serve()
        finally:
            storming.cancel()

    async with database(wire.front_page(STORIES), script) as server:
        control = Control()
        settings = Settings(
            api_url=f"http://127.0.0.1:{server.port}/v0", source="socket", period=3600
        )
        reports = watch(settings, control=control)
        for _ in range(3):
            assert (await anext(reports)).status == "exact"
        tracemalloc.start()
        seen, number = pushes, 0
        async with asyncio.timeout(DEADLINE):
            while pushes < seen + 200:
                number = (await anext(reports)).poll
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        control.stop()
        async for report in reports:
            number = report.poll

    assert number < 100
    assert size < 2_000_000


@pytest.mark.parametrize("script", [stall, Peer.greet, ping_all_the_time, answer_one_a_second])
async def test_signal_ends_it_whatever_the_server_does(script: Script) -> None:
    """At once, and without a complaint."""
    async with database(wire.front_page(STORIES), script) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        async with started(*COMMAND, "--source", "socket", "--api-url", url) as process:
            await eventually(lambda: server.connections)
            process.send_signal(signal.SIGTERM)
            code, _, _ = await outcome(process)

    assert code == 128 + signal.SIGTERM


async def test_socket_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the certificate checked, as over HTTP."""
    authority = wire.trust(monkeypatch)
    for trusted, reason in ((trustme.CA(), "certificate"), (authority, "")):
        context = wire.certificate(trusted)
        async with database(wire.front_page(STORIES), Peer.serve, context) as server:
            (report,), ear = await polls(f"https://127.0.0.1:{server.port}/v0", 1, retries=0)

        assert (report.status, report.source) == (
            ("failed", "http") if reason else ("exact", "socket")
        )
        assert reason in "".join(lost(ear))


async def test_socket_over_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy sees CONNECT (RFC 9110, section 9.3.6), and then what it cannot read."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    wire.trust(monkeypatch).issue_cert("hn.example").configure_cert(context)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def tunnel(_: str, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        far, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(pump(near, far_writer), pump(far, writer))
        finally:
            far_writer.transport.abort()
        return False

    async with (
        database(wire.front_page(STORIES), Peer.serve, context) as server,
        wire.serve(tunnel) as proxy,
    ):
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        (report,), ear = await polls("https://hn.example/v0", 1)

    assert (report.status, report.source, lost(ear)) == ("exact", "socket", [])
    assert {head.split()[0] for head in proxy.heads} == {b"CONNECT"}


PUSHES: list[tuple[str, Any, str, bool]] = [
    ("v0/item/1/score", 5, "d", False),
    ("v0/item/1", {"score": 6}, "m", False),
    ("v0/item/2/kids", [5], "d", False),
    ("v0", {"maxitem": 9}, "d", False),
    ("v0/item/1/kids", [5, 6], "d", True),
    ("v0/item/1", {"descendants": 6}, "m", True),
    ("v0/item/1", {"id": 1, "score": 7}, "d", True),
    ("v0/item/1", {"id": 1, "score": 8}, "d", False),
    ("v0/item/1", None, "d", True),
]


async def test_what_is_news() -> None:
    """Of a watched path, all but points; the first value is none, but that it is told from now."""
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        peers.append(peer)
        await peer.serve()

    async with (
        database(wire.front_page(STORIES), script) as server,
        opened(f"http://127.0.0.1:{server.port}/v0") as (source, fetcher, ear),
    ):
        heard: list[bool] = []
        source.on_change = lambda: heard.append(source.tells)
        source.watch(["item/1.json"])
        await eventually(lambda: heard)
        assert heard == [True]
        for path, value, action, news in PUSHES:
            heard.clear()
            await peers[0].push(path, value, action)
            # Its answer comes after the push.
            await fetcher.fetch("maxitem.json")
            assert bool(heard) is news, (path, value)

        heard.clear()
        peers[0].writer.transport.abort()
        await eventually(lambda: lost(ear))
        assert heard[0] is False
