"""The port as a browser sees it: the document, the events, a story, and who may ask."""

import asyncio
import json
import socket
import sys
import threading
from asyncio.subprocess import PIPE
from contextlib import aclosing, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from hn_comments import Growth, HistoryError, Settings
from hn_comments.output.formats import COMMENT_FIELDS, STORY_FIELDS
from hn_comments.service import stories as stories_module
from hn_comments.service.health import Health
from hn_comments.service.hosts import Place
from hn_comments.service.latest import Latest
from hn_comments.service.server import Server
from hn_comments.service.stories import READERS, Stories
from hn_comments.simulator import Simulator

from .reports import BORN, comment, post, report
from .serving import LONG, SHORT, Service, events, started, until, watching
from .support import DEADLINE, MS, front_page


# The document.


async def test_document_is_the_latest_poll_as_json_lines() -> None:
    """To the letter, also the stories that were not worth a line."""
    arguments = ("--format", "json", "--changes-only", *SHORT)
    async with watching(front_page(7, 3), *arguments, stdout=PIPE) as (_, service):
        later = await service.until_polled(2)
        await service.end()
        assert service.process.stdout is not None
        printed = [json.loads(line) async for line in service.process.stdout]

    assert list(later) == [
        "version", "time", "started", "list", "period", "history", "poll", "stories", "comments",
        "trouble",
    ]  # fmt: skip
    assert (later["list"], later["history"], later["trouble"]) == ("top", False, None)
    assert later["started"] <= later["poll"]["time"] <= later["time"]
    # Of the first poll, whose lines were written.
    assert [line["type"] for line in printed] == ["story", "story", "poll"]
    changed = {"poll", "time", "new"}
    for told, shown in zip(printed[:2], later["stories"], strict=True):
        assert list(shown) == list(told) == ["type", *STORY_FIELDS]
        assert all(shown[name] == told[name] for name in told.keys() - changed)
    assert list(later["poll"]) == list(printed[2])
    assert later["comments"] == []


async def test_document_is_there_before_the_first_poll() -> None:
    """With nothing in it, and no story of which anybody could ask."""
    async with Simulator(front_page(1)) as simulator:
        simulator.fail("topstories", "hang")
        async with started("--api-url", simulator.url, "--serve", "0", *LONG) as service:
            found = await service.read()
            async with aclosing(events(service.browser, service.events)) as heard:
                event = await anext(heard)
            ready, _ = await service.get("/ready")
            unknown, text = await service.get(f"/story/{simulator.world.top[0]}.json")

    assert (found["poll"], found["stories"], found["trouble"]) == (None, [], None)
    assert (event.name, event.data["poll"]) == ("poll", None)
    assert (ready, unknown) == (503, 404)
    assert json.loads(text)["error"].endswith(" is not known here")


async def test_new_comments_are_there_where_they_are_asked_for() -> None:
    """The newest first, as JSON Lines have them; a story's older ones without their text."""
    world = front_page(2)
    async with watching(world, "--comments", "--format", "json", *SHORT) as (_, service):
        await service.until_polled()
        new = [world.add_comment(world.top[0]) for _ in range(3)]

        async def told() -> bool:
            return len((await service.read())["comments"]) == 3

        await until(told)
        found = await service.read()
        story = await service.read(f"/story/{world.top[0]}.json")

    assert [each["id"] for each in found["comments"]] == new[::-1]
    assert list(found["comments"][0]) == ["type", *COMMENT_FIELDS]
    assert story["comments"][:3] == found["comments"]
    assert [list(each) for each in story["comments"][3:]] == [["id", "by", "created", "link"]] * 2


# The events.


async def test_each_poll_is_an_event() -> None:
    """The newest at once, then each new one."""
    async with watching(front_page(2), *SHORT) as (_, service):
        await service.until_polled()
        async with aclosing(events(service.browser, service.events)) as heard:
            one, two = await anext(heard), await anext(heard)
        text = ""
        async with service.browser.get(service.events) as response:
            while "\n\n" not in text:
                text += (await response.content.readany()).decode()

    run, _, number = str(one.id).partition("-")
    assert (one.name, number) == ("poll", str(one.data["poll"]["poll"]))
    assert (two.name, two.id) == ("poll", f"{run}-{int(number) + 1}")
    assert text.startswith("retry: 3000\n\n")


async def test_page_that_comes_back_gets_only_what_it_has_not() -> None:
    """Not the document that it names, but whether there is trouble."""
    async with watching(front_page(2), *LONG) as (_, service):
        await service.until_polled()
        async with aclosing(events(service.browser, service.events)) as heard:
            one = await anext(heard)
        known = {"Last_Event_ID": str(one.id)}
        async with aclosing(events(service.browser, service.events, **known)) as heard:
            again = await anext(heard)

    assert one.data["poll"]["poll"] == 1
    assert (again.name, again.id, again.data) == ("trouble", None, None)


async def test_page_notices_a_restart() -> None:
    """Its last poll has the same number in the next run, and another id."""
    ids: list[str | None] = []
    for _ in range(2):
        async with watching(front_page(2), *LONG) as (_, service):
            await service.until_polled()
            known = {"Last_Event_ID": str(ids[0])} if ids else {}
            async with aclosing(events(service.browser, service.events, **known)) as heard:
                event = await anext(heard)
        assert (event.name, event.data["poll"]["poll"]) == ("poll", 1)
        ids.append(event.id)

    assert ids[0] != ids[1]


async def test_trouble_is_told_when_it_begins_and_ends() -> None:
    """The stories stay; the program works, though what it knows is not fresh."""
    async with watching(front_page(2), "--retries", "0", *SHORT) as (simulator, service):
        await service.until_polled()
        async with aclosing(events(service.browser, service.events)) as heard:
            simulator.fail("topstories", "500")
            began = await anext(heard)
            while began.name != "trouble":
                began = await anext(heard)
            shown, health = await service.read(), await service.get("/health")

            async def is_old() -> bool:
                return (await service.get("/ready"))[0] == 503

            await until(is_old)
            ready = await service.read("/ready")
            simulator.recover()
            healed = await anext(heard)
            while healed.name != "poll":
                healed = await anext(heard)
        last = await service.read()

    assert list(began.data) == ["since", "failures", "error"]
    assert (began.data["error"], began.id) == ("topstories.json: HTTP 500", None)
    assert shown["trouble"]["failures"] >= began.data["failures"] >= 1
    assert [story["comments"] for story in shown["stories"]] == [2]
    assert health == (200, '{"ok": true, "reason": null}')
    assert "HTTP 500" in ready["reason"]
    assert (healed.data["trouble"], last["trouble"]) == (None, None)


async def test_many_pages_get_each_document() -> None:
    """Two hundred open streams, none of which is forgotten."""
    async with watching(front_page(2), *SHORT) as (_, service):
        await service.until_polled()

        async def listen() -> list[int]:
            async with aclosing(events(service.browser, service.events)) as heard:
                return [(await anext(heard)).data["poll"]["poll"] for _ in range(3)]

        found = await asyncio.gather(*(listen() for _ in range(200)))
        assert await service.end() == 143

    assert all(polls == sorted(set(polls)) for polls in found)


# A story.


async def test_story_is_drawn_from_its_birth_on(tmp_path: Path) -> None:
    """By the comments' own times; from memory as from a history, which knows earlier runs too."""
    world = front_page(30, 4)
    story = world.top[0]
    history = ("--history", str(tmp_path / "hn.db"))

    found = []
    async with Simulator(world) as simulator:
        for options in ((), history, history):
            arguments = ("--api-url", simulator.url, "--serve", "0", *options, *LONG)
            async with started(*arguments) as service:
                await service.until_polled()
                found.append(await service.read(f"/story/{story}.json"))
                assert await service.end() == 143
            if found[1:]:
                world.top.reverse()

    times = sorted((world.items[each] or {})["time"] for each in world.walk(story))
    born = (world.items[story] or {})["time"]
    assert found[0]["curve"] == [[born, 0], *([time, n] for n, time in enumerate(times, 1))]
    assert sum(number for _, number in found[0]["hours"]) == 30
    assert all(hour % 3600 == 0 for hour, _ in found[0]["hours"])
    newest = sorted(world.walk(story), reverse=True)[:20]
    assert [each["id"] for each in found[0]["comments"]] == newest
    assert {**found[0], "ranks": []} == {**found[1], "ranks": []}
    ranks = [[rank for _, rank in each["ranks"]] for each in found]
    assert ranks == [[1], [1], [1, 2]]


async def test_story_that_left_the_list_has_no_rank() -> None:
    """From then on."""
    world = front_page(1, 2)
    gone = world.top[1]
    async with watching(world, *SHORT) as (_, service):
        await service.until_polled()
        world.top.remove(gone)
        story: dict[str, list[list[int]]] = {}

        async def has_left() -> bool:
            story.update(await service.read(f"/story/{gone}.json"))
            return len(story["ranks"]) > 1

        await until(has_left)

    assert [rank for _, rank in story["ranks"]] == [2, None]


async def test_deleted_comment_is_not_shown_any_more() -> None:
    """Although its text was told when it came."""
    new = comment(7, "Something that its author regrets")
    remembered = Growth(born=BORN, written=(BORN + 5,), newest=(new.item,))
    stories = Stories(Settings(comments=True), lambda _: remembered)
    stories.publish(report(post(1), comments=(new,)))

    before = await stories.find(1)
    remembered = replace(remembered, newest=())
    after = await stories.find(1)

    assert "regrets" in json.dumps(before)
    assert after is not None
    assert after["comments"] == []


async def test_long_series_are_thinned() -> None:
    """But the first moment and the last one stay, and the last ranks do."""
    written = tuple(range(BORN, BORN + 60 * 9999, 60))
    stories = Stories(Settings(), lambda _: Growth(born=BORN - 1, written=written, newest=()))
    for number in range(1200):
        minute = datetime.fromtimestamp(BORN + 60 * number, UTC)
        stories.publish(report(post(1, rank=1 + number % 2), started=minute))

    found = await stories.find(1)

    assert found is not None
    assert (found["curve"][0], found["curve"][-1]) == ((BORN - 1, 0), (written[-1], 9999))
    assert 900 < len(found["curve"]) <= 1001
    assert len(found["ranks"]) == 1000
    assert found["ranks"][-1] == (BORN + 60 * 1199, 2)


async def test_story_without_a_memory_has_its_ranks() -> None:
    """As with --full-walk; one that was never listed is not known."""
    stories = Stories(Settings(full_walk=True), lambda _: None)
    stories.publish(report(post(1)))

    found = await stories.find(1)

    assert found is not None
    assert (found["curve"], len(found["ranks"])) == ([], 1)
    assert await stories.find(2) is None


async def test_clients_that_leave_have_no_more_files_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their threads go on, and the next ones wait for these, so that there are never many."""
    reading: list[int] = []
    over = threading.Event()

    def read(path: str, story_id: int, *_: object, **__: object) -> None:
        reading.append(story_id)
        over.wait(DEADLINE)
        raise HistoryError(path, "is locked", "try again")

    monkeypatch.setattr(stories_module, "read_story", read)
    stories = Stories(Settings(history="h.db"), lambda _: None)
    for number in range(3 * READERS):
        leaving = asyncio.create_task(stories.find(number))
        await asyncio.sleep(MS)
        leaving.cancel()
        await asyncio.wait([leaving])
    staying = asyncio.create_task(stories.find(100))
    await asyncio.sleep(20 * MS)
    while_busy = sorted(reading)
    over.set()

    assert await staying is None
    assert while_busy == [0, 1, 2, 3]
    assert sorted(reading) == [0, 1, 2, 3, 100]


async def test_history_that_cannot_be_read_is_no_reason_to_know_nothing(tmp_path: Path) -> None:
    """What the process remembers must do then; nothing is made where the file was."""
    world, history = front_page(3), tmp_path / "hn.db"
    async with watching(world, "--history", str(history), *LONG) as (_, service):
        await service.until_polled()
        path = f"/story/{world.top[0]}.json"
        before = await service.read(path)
        history.rename(tmp_path / "moved.db")
        after = await service.read(path)
        made = history.exists()

    assert before["curve"] == after["curve"]
    assert not made


# Who may ask, and what is said around the answers.


@pytest.mark.parametrize(
    "path",
    ["/", "/page.js", "/uplot/uPlot.min.css", "/latest.json", "/metrics", "/health"],
)
async def test_answers_trust_nobody(path: str) -> None:
    """No script from elsewhere, no guessing of types, no other page that reads it."""
    async with watching(front_page(1), *LONG) as (_, service):
        async with service.browser.get(service.url + path) as response:
            headers = response.headers
        posted = await service.browser.post(service.url + path)

    policy = headers["Content-Security-Policy"]
    assert response.status == 200
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "hn-comments"
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert headers["Cache-Control"] == ("no-cache" if path.endswith(("js", "css")) else "no-store")
    assert posted.status == 405


async def test_foreign_names_are_refused() -> None:
    """A page that has its own name lead to our address reads nothing."""
    async with watching(front_page(1), *LONG) as (_, service):
        for path in ("/", "/latest.json", "/events", "/metrics", "/page.js"):
            status, text = await service.get(path, Host="evil.example:80")
            assert status == 403
            assert "'evil.example:80'" in text
        local = [await service.get("/health", Host=f"localhost{end}") for end in ("", ":80")]

    assert [status for status, _ in local] == [200, 200]


async def test_what_is_no_request_is_refused_without_a_word() -> None:
    """Whoever scans for ports would fill the log."""
    async with watching(front_page(1), *LONG) as (_, service):
        host, _, number = service.url.removeprefix("http://").partition(":")
        for data in (b"\x16\x03\x01\x02\x00\x01", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(number))
            writer.write(data + b"\r\n\r\n")
            assert b" 400 " in await reader.readline()
            writer.close()
        for path in ("/..%2f..%2fetc/passwd", "/page.html", "/story/x", f"/story/{10**20}.json"):
            assert (await service.get(path))[0] == 404
        await service.end()

    assert len(service.lines) == 1


async def test_fault_of_ours_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """And an answer that says so; the others go on."""
    stories = Stories(Settings(), lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    server = Server(
        Place("0"), CollectorRegistry(), latest=Latest(Settings()), stories=stories,
        health=Health(Settings(), lambda: None),
    )  # fmt: skip
    await server.open()
    try:
        async with aiohttp.ClientSession() as browser:
            url = server.place.announce().url
            async with browser.get(f"{url}story/1.json") as story, browser.get(url) as page:
                statuses = story.status, page.status
    finally:
        await server.close()

    assert statuses == (500, 200)
    assert caplog.messages == [
        "An answer at the port failed: ZeroDivisionError('division by zero')"
    ]


# The port.


async def test_port_that_cannot_be_had_is_a_sentence() -> None:
    """Before anything is polled, or opened: it is taken, or the host is another machine's."""
    # Python complains of what is left open.
    environment = {"NOTIFY_SOCKET": "/nowhere", "PYTHONWARNINGS": "always::ResourceWarning"}
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        number = taken.getsockname()[1]
        async with Simulator(front_page(1)) as simulator:
            for place, problem in (
                (str(number), f"127.0.0.1:{number}: Address already in use"),
                ("192.0.2.1:0", "192.0.2.1:0: Cannot assign requested address"),
            ):
                options = ("--api-url", simulator.url, "--serve", place)
                async with started(*options, wait=False, env=environment) as service:
                    code = await service.process.wait()

                assert code == 2
                (line,) = service.lines
                assert line.endswith(f"] argument --serve: cannot listen on {problem}")

    assert not simulator.requests


@pytest.mark.parametrize("host", ["[::1]", "0.0.0.0", "[::]", "localhost"])  # noqa: S104
async def test_other_hosts(host: str) -> None:
    """IPv6, all addresses, and a name."""
    async with watching(front_page(1), "--serve", f"{host}:0", *LONG) as (_, service):
        assert service.url.startswith(f"http://{host}:")
        port = service.url.rpartition(":")[2]
        local = f"http://127.0.0.1:{port}" if host == "[::]" else service.url
        async with service.browser.get(f"{local}/health") as response:
            assert response.status == 200


async def test_chosen_port_is_said_even_when_quiet() -> None:
    """Nobody would know it; one that the user has named is no news then."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        number = str(free.getsockname()[1])
    async with watching(front_page(1), *LONG) as (_, chosen):
        await chosen.until_polled()
        await chosen.end()
    options = ("--serve", number, *LONG)
    async with watching(front_page(1), *options, wait=False) as (_, named):
        named.url = f"http://127.0.0.1:{number}"
        await until(lambda: answers(named))
        await named.end()

    assert len(chosen.lines) == 1
    assert not named.lines


async def answers(service: Service) -> bool:
    """Return whether the port is open by now."""
    try:
        return (await service.get("/health"))[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("option", ["--serve=0", "--metrics-file=hn.prom"])
@pytest.mark.parametrize("module", ["prometheus_client", "aiohttp_sse"])
async def test_extra_that_is_missing_is_a_sentence(
    option: str, module: str, tmp_path: Path
) -> None:
    """With the command that brings it; a metrics file needs only one of the two."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None\n")
    settings: dict[str, Any] = {"cwd": tmp_path, "env": {"PYTHONPATH": str(tmp_path)}}
    arguments = ("--demo", "--limit", "1", "--polls", "2", "--period", "0.1", "-q", option)
    async with started(*arguments, wait=False, **settings) as service:
        code = await service.process.wait()

    if (option, module) == ("--metrics-file=hn.prom", "aiohttp_sse"):
        assert (code, service.lines) == (0, [])
        return
    name = option.partition("=")[0]
    assert code == 2
    (line,) = service.lines
    package = module.replace("_", "-")
    assert line.endswith(
        f"] argument {name}: needs {package}: {sys.executable} -m pip install {package}"
    )


# The end.


async def test_end_waits_for_no_open_page() -> None:
    """Whether it listens, stalls, or has not even finished its request."""
    async with watching(front_page(2), *SHORT) as (_, service):
        await service.until_polled()
        host, _, number = service.url.removeprefix("http://").partition(":")
        with (
            closing(socket.create_connection((host, int(number)))) as half,
            closing(socket.create_connection((host, int(number)))) as stalled,
        ):
            half.sendall(b"GET /latest.json HTT")
            stalled.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with aclosing(events(service.browser, service.events)) as heard:
                await anext(heard)
                code = await service.end()

    assert code == 143
