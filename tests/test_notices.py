"""Notices: what is told, to whom, and that nobody else waits for it."""

import asyncio
import json
import os
import signal
import socket
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from apprise.plugins.ntfy import NotifyNtfy

from hn_comments import (
    BadReceiver,
    Control,
    Crossing,
    Notice,
    PollReport,
    Settings,
    Trouble,
    watch,
)
from hn_comments.command.trial import SAMPLE, send_to_all
from hn_comments.events import Troubles
from hn_comments.memory import Crossings
from hn_comments.notices.background import MAX_AT_ONCE, Background
from hn_comments.notices.command import Command
from hn_comments.notices.message import NotTaken, word
from hn_comments.notices.notices import Notices
from hn_comments.notices.notifier import Notifier, merge
from hn_comments.notices.receivers import Address, make_receivers, mask
from hn_comments.settings import BadSetting
from hn_comments.simulator import Simulator

from . import wire
from .reports import BORN, comment, post
from .support import (
    COMMAND,
    DEADLINE,
    MS,
    Ear,
    eventually,
    front_page,
    in_virtual_time,
    outcome,
    run,
    started,
)


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such programs")


class Hook:
    """A webhook that keeps what it is told, and fails as long as *status* is not 200."""

    def __init__(self) -> None:
        self.status = 200
        self.answering = asyncio.Event()
        self.answering.set()
        self.told: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.tries = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.tries += 1
        self.asked.append(request.path)
        await self.answering.wait()
        if self.status == 200 and request.method == "POST":
            text = await request.text()
            self.told.append(json.loads(text) if text.startswith("{") else {"message": text})
        return web.Response(status=self.status)

    @property
    def titles(self) -> list[str]:
        return [told["title"] for told in self.told]


@asynccontextmanager
async def serve(hook: Hook) -> AsyncIterator[str]:
    """Give the address of a webhook, without its scheme."""
    runner = web.ServerRunner(web.Server(hook.handle), shutdown_timeout=0)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        hook.answering.set()
        await runner.cleanup()


async def collect(
    settings: Settings, ear: Ear | None = None, control: Control | None = None
) -> list[PollReport]:
    reports = watch(settings, on_event=ear or Ear(), control=control)
    return [report async for report in reports]


def notice(*crossings: Crossing, **fields: Any) -> Notice:

    return Notice(
        time=datetime.fromtimestamp(BORN, UTC), crossings=crossings or (SAMPLE,), **fields
    )


# What is told.


async def test_post_that_reaches_a_threshold_is_told_once() -> None:
    """Also where it was above when it was first seen; all of one poll in one message."""
    hook, world = Hook(), front_page(30, 25, 3)
    async with serve(hook) as address, Simulator(world) as simulator:
        settings = Settings(
            api_url=simulator.url, notify=(f"json://{address}",), threshold=("10", "28"), polls=3,
            period=50 * MS,
        )  # fmt: skip
        reports = await collect(settings)

    assert len(hook.told) == 1
    body = hook.told[0]["message"]
    assert body.count("https://news.ycombinator.com/item?id=") == 2
    assert body.count("30 comments, 30 in the last hour (thresholds 10, 28)") == 1
    assert body.count("(threshold 10)") == 1
    assert hook.titles == ["Hacker News: 2 discussions grow"]
    assert [len(report.crossings) for report in reports] == [3, 0, 0]


async def test_growth_in_an_hour_is_told_again_after_it_fell() -> None:
    """Below half of it, that is."""
    told = Notices(Settings(), Troubles(ear := Ear()))
    crossings, found = Crossings(), []
    for last_hour in (5, 60, 40, 61, 29, 70):
        story = post(1, last_hour=last_hour)
        found.append([*crossings.judge([story], ["60/h"], known=())])
        for crossing in found[-1]:
            told.tell(notice(crossing))

    assert [len(crossed) for crossed in found] == [0, 1, 0, 0, 0, 1]
    assert len(ear.sentences()) == 2
    assert ear.sentences()[0].startswith("Post 1 has reached 60 comments in an hour: 30, 60 of ")


async def test_new_comments_are_a_notice_too() -> None:
    """Author, first lines and link, of all that one poll found; none in the first poll."""
    hook, world = Hook(), front_page(5)
    async with serve(hook) as address, Simulator(world) as simulator:
        settings = Settings(
            api_url=simulator.url, notify=(f"json://{address}",), comments=True, period=100 * MS
        )
        reports = []
        async for report in watch(settings):
            reports.append(report)
            if len(reports) == 1:
                new = [world.add_comment(world.top[0]) for _ in range(2)]
            if hook.told:
                break

    assert hook.titles == ["Hacker News: 2 new comments"]
    for item_id in new:
        item = world.items[item_id] or {}
        assert f"{item['by']} on " in hook.told[0]["message"]
        assert f"item?id={item_id}" in hook.told[0]["message"]


def test_message_has_what_a_phone_can_show() -> None:
    """Long comments are cut, and of many only the last ones are told."""
    long = comment(7, "one<p>two<p>three<p>four<p>five")
    many = notice(SAMPLE, comments=(*[comment(number, "x") for number in range(40)], long))

    message = word(many)

    assert message.title == "Hacker News: 1 discussion grows, 41 new comments"
    assert message.body.split("\n\n")[1] == "The last 20 of 41 new comments:"
    assert "one\ntwo\nthree\nfour\n...\nhttps://" in message.body
    assert "five" not in message.body


@pytest.mark.parametrize(
    ("posts", "comments", "title"),
    [
        (1, 0, "71 comments, 12 in the last hour: This is a test"),
        (2, 0, "Hacker News: 2 discussions grow"),
        (0, 1, "Hacker News: 1 new comment"),
        (0, 2, "Hacker News: 2 new comments"),
        (2, 1, "Hacker News: 2 discussions grow, 1 new comment"),
    ],
)
def test_title_counts_what_there_is(posts: int, comments: int, title: str) -> None:
    """As people would say it; of one post it says more."""
    found = Notice(
        time=datetime.fromtimestamp(BORN, UTC),
        crossings=tuple(replace(SAMPLE, story=number) for number in range(posts)),
        comments=tuple(comment(number, "x") for number in range(comments)),
    )

    assert word(found).title.startswith(title)
    assert posts == 1 or word(found).title == title


def test_long_line_is_cut() -> None:
    """Some comments are one."""
    (line, _) = word(notice(comments=(comment(7, "x" * 301),))).body.splitlines()[-2:]

    assert line == "x" * 297 + "..."


async def test_message_is_no_longer_than_its_service_takes() -> None:
    """It would be refused again and again: ntfy takes 7,800 characters."""
    hook = Hook()
    async with serve(hook) as address:
        (receiver,) = make_receivers(
            Settings(threshold=("70",), notify=(f"ntfy://{address}/topic",))
        )
        await receiver.send(notice(*[replace(SAMPLE, story=number) for number in range(300)]))

    (told,) = hook.told
    assert 7500 < len(told["message"]) <= 7800
    shown = told["message"].count("12 in the last hour")
    assert told["message"].endswith(f"\n\nand {300 - shown} more")


async def test_front_page_that_crosses_at_once_is_one_message() -> None:
    """All of its 500 stories, as far as a message of the service has room."""
    hook, world = Hook(), front_page(*[2] * 500)
    async with serve(hook) as address, Simulator(world) as simulator:
        url = f"ntfy://{address}/topic"
        options = ["--limit", "500", "--threshold", "2", "--notify", url, "--once", "--quiet"]
        code, _, _ = await run(*COMMAND, "--api-url", simulator.url, *options)

    (told,) = hook.told
    shown = told["message"].count("(threshold 2)")
    assert code == 0
    assert told["message"].endswith(f"\n\nand {500 - shown} more")
    assert len(told["message"]) <= NotifyNtfy.body_maxlen
    assert shown > 0


def test_titles_are_decoded_and_cleaned() -> None:
    """They are HTML, and anybody's."""
    odd = replace(SAMPLE, title="A &lt;canvas&gt;\x1b[2J\n &amp; more")

    assert word(notice(odd)).title.endswith(": A <canvas>[2J & more")


# Who is told.


async def test_failing_receiver_delays_nobody_and_gets_all_when_it_is_well() -> None:
    """Its failure is said once, its recovery too; what it missed comes in one message."""
    good, bad, ear = Hook(), Hook(), Ear()
    bad.status = 500
    async with serve(good) as first, serve(bad) as second:
        settings = Settings(threshold=("70",), notify=(f"json://{first}", f"json://{second}"))
        async with Notices(settings, Troubles(ear)) as notices:
            notices.tell(notice())
            await eventually(lambda: len(good.told) == 1 and bad.tries >= 2)
            notices.tell(notice(replace(SAMPLE, story=1)))
            notices.tell(notice(replace(SAMPLE, story=2)))
            await eventually(lambda: len(good.told) >= 2)
            bad.status = 200
            await eventually(lambda: bad.told)

    assert sum(told["message"].count("item?id=") for told in good.told) == 3
    assert [told["message"].count("item?id=") for told in bad.told] == [3]
    began, ended = (said for said in ear.sentences() if not said.startswith("Post "))
    assert began.startswith(f"Cannot tell json://{second}/...: ")
    assert ended.startswith(f"json://{second}/... takes notices again, after ")


async def test_receivers_at_one_address_are_told_apart() -> None:
    """One that takes all is no recovery of the other, which fails."""
    good, bad, ear = Hook(), Hook(), Ear()
    bad.status = 500

    async def handle(request: web.Request) -> web.Response:
        return await (good if request.path == "/good" else bad).handle(request)

    both = Hook()
    both.handle = handle  # type: ignore[method-assign]
    async with serve(both) as address:
        settings = Settings(
            threshold=("70",), notify=(f"json://{address}/bad", f"json://{address}/good")
        )
        async with Notices(settings, Troubles(ear)) as notices:
            notices.tell(notice())
            await eventually(lambda: good.told and bad.tries)
            notices.tell(notice())
            await eventually(lambda: len(good.told) == 2 and bad.tries > 1)

    (said,) = (said for said in ear.sentences() if not said.startswith("Post "))
    assert said.startswith(f"Cannot tell json://{address}/... (1): ")


async def test_receiver_with_a_bug_is_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its failure is said once, without its words, and the notice is sent again."""
    problems, told, ear = [ValueError("json://me:sekrit@h"), OSError("?")], [], Ear()

    async def send(_receiver: object, notice: Notice) -> None:
        if problems:
            raise problems.pop(0)
        told.append(notice)

    monkeypatch.setattr("hn_comments.notices.command.Command.send", send)
    async with Notices(
        Settings(threshold=("70",), notify_command="tell"), Troubles(ear)
    ) as notices:
        notices.tell(notice())
        await eventually(lambda: told)

    assert told == [notice()]
    began, ended = ear.sentences()[1:]
    assert began == "Cannot tell tell: unexpected ValueError (it is tried again)"
    assert ended.startswith("tell takes notices again, after ")


async def test_trial_says_which_receiver_has_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are asked, too."""

    async def send(receiver: Command, _notice: Notice) -> None:
        if receiver.name == "bad":
            raise ValueError("?")

    monkeypatch.setattr("hn_comments.notices.command.Command.send", send)

    answers = await send_to_all([Command("bad"), Command("good")], notice())

    assert answers == [
        ("bad did not take the notice: unexpected ValueError", False),
        ("good took the notice", True),
    ]


async def test_hanging_receiver_delays_no_poll_and_the_end_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Polls go on while it hangs, and the program ends without it."""
    monkeypatch.setattr("hn_comments.notices.notices.DRAIN", 100 * MS)
    hook = Hook()
    hook.answering.clear()
    async with serve(hook) as address, Simulator(front_page(30)) as simulator:
        settings = Settings(
            api_url=simulator.url, notify=(f"json://{address}",), threshold=("10",), polls=5,
            period=20 * MS,
        )  # fmt: skip
        reports = await collect(settings, ear := Ear())

        assert [report.status for report in reports] == ["exact"] * 5
        assert hook.told == []
        assert ear.sentences()[-1] == (
            f"Cannot tell json://{address}/...: no answer before the end of the program"
        )


async def test_receiver_that_never_ends_does_not_keep_the_program() -> None:
    """Neither at the end of the loop, nor in a thread for which Python waits at its own end."""

    async def trickle(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            writer.write(b"H")
            await asyncio.sleep(100 * MS)

    program = f"""
import hn_comments.notices.notices as notices
from hn_comments.__main__ import main

notices.DRAIN = {100 * MS}
raise SystemExit(main())
"""
    async with wire.serve(trickle) as server, Simulator(front_page(9)) as simulator:
        options = ["--api-url", simulator.url, "--once", "--quiet", "--threshold", "5"]
        url = f"json://127.0.0.1:{server.port}"
        code, _, stderr = await run(sys.executable, "-c", program, *options, "--notify", url)

    assert code == 0
    assert stderr.endswith(f"Cannot tell {url}/...: no answer before the end of the program\n")


async def test_failure_at_the_end_promises_nothing() -> None:
    """One before that says that it is tried again."""
    hook, before, at_the_end = Hook(), Ear(), Ear()
    hook.status = 500
    async with serve(hook) as address:
        settings = Settings(threshold=("70",), notify=(f"json://{address}",))
        async with Notices(settings, Troubles(before)) as notices:
            notices.tell(notice())
            await eventually(lambda: len(before.events) > 1)
        async with Notices(settings, Troubles(at_the_end)) as notices:
            notices.tell(notice())

    (_, first, *_), (_, last) = before.sentences(), at_the_end.sentences()
    assert first.endswith("error=500. (it is tried again)")
    assert last.endswith("error=500.")


async def test_mail_is_sent() -> None:
    """Through a real SMTP server, with the facts in subject and text."""

    class Inbox:
        def __init__(self) -> None:
            self.mails: list[str] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            self.mails.append(envelope.content.decode())
            return "250 OK"

    inbox = Inbox()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        query = "smtp=127.0.0.1&mode=insecure&from=me@example.com&to=you@example.com"
        url = f"mailto://example.com:{port}?{query}"
        (receiver,) = make_receivers(Settings(threshold=("70",), notify=(url,)))
        await receiver.send(notice())
    finally:
        controller.stop()

    (mail,) = inbox.mails
    assert "71 comments" in mail
    assert "you@example.com" in mail


# A command.


@posix_only
async def test_command_gets_the_facts_in_two_ways(tmp_path: Path) -> None:
    """As JSON on its standard input, and in its environment; without a shell."""
    out = tmp_path / "out"
    script = tmp_path / "tell me"
    script.write_text(
        f'#!/bin/sh\ncat > "{out}"\necho "\n$HN_STORY|$HN_THRESHOLD|$HN_LINK|$1" >> "{out}"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)

    (receiver,) = make_receivers(
        Settings(threshold=("70",), notify_command=f"'{script}' '$HOME; ls'")
    )
    await receiver.send(notice())

    facts, line = out.read_text(encoding="utf-8").splitlines()
    assert json.loads(facts)["crossings"][0]["comments"] == 71
    assert line == "8863|70|https://news.ycombinator.com/item?id=8863|$HOME; ls"


@posix_only
async def test_command_gets_the_first_of_new_comments(tmp_path: Path) -> None:
    """Where no post has reached a threshold."""
    out = tmp_path / "out"
    command = f"""sh -c 'echo "$HN_STORY|$HN_THRESHOLD|$HN_LINK" > {out}'"""
    (receiver,) = make_receivers(Settings(comments=True, notify_command=command))

    await receiver.send(replace(notice(comments=(comment(7, "x"), comment(8, "y"))), crossings=()))

    line = out.read_text(encoding="utf-8")
    assert line == "1||https://news.ycombinator.com/item?id=7\n"


@posix_only
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("true", None),
        ("sh -c 'exit 3'", "exit code 3"),
        ("sh -c 'kill -9 $$'", "exit code -9"),
        ("sh -c 'exec <&-; head -c 10000000 /dev/zero; echo x >&2'", None),
        ("/nowhere/tell", "cannot be run: No such file or directory"),
        ("/etc/passwd", "cannot be run: Permission denied"),
        ("sleep 1000", "did not end within 0.2 seconds"),
        ("sh -c 'trap : TERM; sleep 1000 & wait; wait'", "did not end within 0.2 seconds"),
    ],
)
async def test_command_that_goes_wrong_says_why(
    command: str, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails, is killed, reads nothing, prints much, is not there, or does not end."""
    patience = 200 * MS if reason and "did not end" in reason else DEADLINE
    monkeypatch.setattr("hn_comments.notices.command.SECONDS_TO_TAKE", patience)
    monkeypatch.setattr("hn_comments.notices.command.SECONDS_TO_END", 200 * MS)
    many = notice(*[replace(SAMPLE, story=number) for number in range(3000)])
    (receiver,) = make_receivers(Settings(threshold=("70",), notify_command=command))

    try:
        await receiver.send(many)
    except NotTaken as exc:
        said: str | None = str(exc)
    else:
        said = None

    assert said == (reason and reason.replace("0.2", f"{200 * MS:g}"))


@pytest.mark.parametrize(
    ("platform", "command", "name"),
    [
        ("win32", r"C:\tools\notify.exe now", r"C:\tools\notify.exe"),
        ("win32", r'"C:\my tools\notify.exe" now', r"C:\my tools\notify.exe"),
        ("win32", r"'C:\my tools\notify.exe' now", r"C:\my tools\notify.exe"),
        ("linux", r"my\ tools/notify now", "my tools/notify"),
        ("linux", "a#b now", "a#b"),
    ],
)
def test_backslash_is_a_folder_on_windows(
    platform: str, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it takes the meaning of what follows, as in a shell."""
    monkeypatch.setattr("sys.platform", platform)

    assert Command(command).name == name


@posix_only
async def test_all_that_a_command_started_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what it left in the background."""
    monkeypatch.setattr("hn_comments.notices.command.SECONDS_TO_TAKE", 300 * MS)
    pid = tmp_path / "pid"
    command = f"sh -c 'sleep 1000 & echo $! > {pid}; wait'"
    (receiver,) = make_receivers(Settings(threshold=("70",), notify_command=command))

    with pytest.raises(NotTaken):
        await receiver.send(notice())

    await eventually(lambda: is_gone(int(pid.read_text(encoding="utf-8"))))


@posix_only
@pytest.mark.parametrize(
    ("options", "signals", "code"),
    [(["--threshold", "5"], ["SIGINT", "SIGTERM"], 143), (["--notify-test"], ["SIGINT"], 130)],
)
async def test_command_does_not_outlive_a_program_that_leaves_at_once(
    options: list[str], signals: list[str], code: int, tmp_path: Path
) -> None:
    """At the second signal, or at the first one in a mere test."""
    pid = tmp_path / "pid"
    # At the end of its input the program knows of it; asyncio takes some turns for the start.
    note_pid = f"cat > /dev/null; echo $$ > {pid}.new; mv {pid}.new {pid}"
    command = f"sh -c 'trap : TERM; {note_pid}; sleep 771 & wait; wait'"
    async with Simulator(front_page(9)) as simulator:
        words = ["--api-url", simulator.url, *options, "--notify-command", command]
        async with started(*COMMAND, *words) as process:
            await eventually(pid.exists)
            for name in signals:
                process.send_signal(getattr(signal, name))
            ended, _, _ = await outcome(process)

    group = int(pid.read_text(encoding="utf-8"))
    try:
        await eventually(lambda: is_gone(group))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    assert ended == code


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; in a container nobody may collect it."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return True


# Secrets.


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://me:sekrit@example.com:8080/token-42", "json://example.com:8080/..."),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://..."),
        ("ntfy://my-secret-topic", "ntfy://..."),
        ("mailto://me:hunter2@gmail.com", "mailto://gmail.com/..."),
        ("json://[bad", "json://..."),
        ("pbul://o.gn5kj6nfhv736i7jc3cj3qlriyhgl98b", "pbul://..."),
        ("tgram://123456789:AAH.sekrit/1", "tgram://..."),
        ("ntfy://my.secret.topic", "ntfy://..."),
        ("ntfy://my.secret/topics?mode=cloud", "ntfy://..."),
        ("ntfys://ntfy.sh/my-topic", "ntfys://ntfy.sh/..."),
        ("matrix://a.token", "matrix://..."),
        ("matrixs://me:sekrit@matrix.example/%23room", "matrixs://matrix.example/..."),
        ("JSONS://example.com/hook", "JSONS://example.com/..."),
    ],
)
def test_secrets_of_an_address_are_masked(url: str, shown: str) -> None:
    """A user, a password, a path; and a host that may be a token."""
    assert mask(url) == shown
    settings = Settings(threshold=("70",), notify=(url,), heartbeat="https://hc.example/uuid-42")
    assert "sekrit" not in repr(settings)
    assert "uuid-42" not in repr(settings)


def test_apprise_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(BadReceiver, match=r"--notify needs Apprise: .* install apprise"):
        make_receivers(Settings(comments=True, notify=("json://localhost",)))


def test_wrong_address_is_not_shown() -> None:
    """It may be right but for a typo, password and all."""
    with pytest.raises(BadSetting) as caught:
        Settings(notify=("me:sekrit@example.com",))

    assert "sekrit" not in str(caught.value)


def test_wrong_command_is_not_shown() -> None:
    """There may be a token in it."""
    with pytest.raises(BadReceiver, match=r"has no closing quotation$") as caught:
        make_receivers(
            Settings(threshold=("70",), notify_command="curl 'https://hook.example/sekrit")
        )

    assert "sekrit" not in str(caught.value)


@posix_only
async def test_command_does_not_get_addresses_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else is in our environment it gets."""
    monkeypatch.setenv("HN_COMMENTS_NOTIFY", "json://me:sekrit@example.com")
    monkeypatch.setenv("HN_ELSE", "something else")
    out = tmp_path / "out"

    (receiver,) = make_receivers(Settings(threshold=("70",), notify_command=f"sh -c 'env > {out}'"))
    await receiver.send(notice())

    environment = out.read_text(encoding="utf-8")
    assert "sekrit" not in environment
    assert "HN_ELSE=something else" in environment


async def test_reason_of_a_failure_shows_no_secret() -> None:
    """Whatever the service's own library says."""
    hook = Hook()
    hook.status = 500
    async with serve(hook) as address:
        (receiver,) = make_receivers(
            Settings(threshold=("70",), notify=(f"json://me:sekrit@{address}/token-42",))
        )
        with pytest.raises(NotTaken) as caught:
            await receiver.send(notice())

    assert "500" in str(caught.value)
    assert "sekrit" not in str(caught.value)
    assert "token-42" not in str(caught.value)


async def test_reason_of_a_failure_says_which_host() -> None:
    """What else of the address is in it is hidden, but for what is too short to be a secret."""
    url = "json://on:JSON@localhost:9/token-42"
    (receiver,) = make_receivers(Settings(comments=True, notify=(url,)))

    with pytest.raises(NotTaken, match=r"Connection .* sending \.\.\. notification to localhost"):
        await receiver.send(notice())


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        ("pbul://o.gn5kj6nfhv/x", "no o.gn5kj6nfhv", "no ..."),
        ("pbul://o.Gn5kJ6nfhv/x", "no o.gn5kj6nfhv", "no ..."),
        ("json://me:sekrit@example.com:8080/x", "me:sekrit@example.com", "me:...@example.com"),
    ],
)
async def test_host_in_a_reason_is_hidden_unless_it_is_one(
    url: str, said: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is in the name of the receiver, in whatever case the service's library writes it."""

    def fail(*_: object, log_callback: Any, **__: object) -> bool:
        log_callback(SimpleNamespace(message=said), None)
        return False

    monkeypatch.setattr("apprise.Apprise.notify", fail)
    (receiver,) = make_receivers(Settings(threshold=("70",), notify=(url,)))

    with pytest.raises(NotTaken) as caught:
        await receiver.send(notice())

    assert str(caught.value) == shown


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("p%40ss%20word", ["p%40ss%20word", "p@ss word", "p%40ss+word"]),
        ("p%2fss%20word", ["p/ss word", "p/ss%20word", "p%2Fss%20word"]),
        ("p$ssw\N{LATIN SMALL LETTER O WITH DIAERESIS}rd", ["p%24ssw%C3%B6rd"]),
    ],
)
def test_password_in_a_reason_is_hidden_however_it_is_written(
    password: str, said: list[str]
) -> None:
    """Quoted as an address has it, or as it is typed elsewhere."""
    receiver = Address(f"json://me:{password}@example.com/")

    assert [receiver._hide(f"no {word}!") for word in said] == ["no ...!"] * len(said)


# Fire and forget.


async def test_background_retrieves_every_exception_and_tells_it_once() -> None:
    """With the name of the task."""
    failed: list[tuple[str, str]] = []
    background = Background(lambda name, exc: failed.append((name, str(exc))))

    async def fail() -> None:
        raise ValueError("oops")

    background.start(fail(), name="doomed")
    await background.drain(DEADLINE)

    assert failed == [("doomed", "oops")]
    assert len(background) == 0


async def test_background_is_bounded_and_drained() -> None:
    """What does not end in time is cancelled, and awaited."""
    background, ended = Background(lambda *_: None), []

    async def last() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(1)

    started = [background.start(last(), name=f"{number}") for number in range(MAX_AT_ONCE + 5)]
    await asyncio.sleep(0)
    await background.drain(10 * MS)

    assert started == [True] * MAX_AT_ONCE + [False] * 5
    assert len(ended) == MAX_AT_ONCE
    assert len(background) == 0


@in_virtual_time
async def test_receiver_is_tried_again_at_growing_distances() -> None:
    """Each about twice the one before, five minutes at most; and once more at the end."""
    loop, tries = asyncio.get_running_loop(), []

    class Deaf:
        name = "deaf"

        async def send(self, _: Notice) -> None:
            tries.append(loop.time())
            raise NotTaken("not now")

    background = Background(lambda *_: None)
    notifier = Notifier([Deaf()], background, Troubles())
    notifier.tell(notice())
    await asyncio.sleep(3600)
    in_an_hour = len(tries)
    notifier.hurry()
    await background.drain(DEADLINE)

    distances = [second - first for first, second in pairwise(tries[:in_an_hour])]
    longest = [min(2**number, 300) for number in range(in_an_hour - 1)]
    assert in_an_hour > 15
    assert all(most / 2 <= far <= most for far, most in zip(distances, longest, strict=True))
    assert tries[in_an_hour:] == [3600]


def test_merged_notices_are_bounded() -> None:
    """A receiver that is down for weeks is told the latest."""
    whole = merge([notice(*[SAMPLE] * 500) for _ in range(10)])

    assert len(whole.crossings) == 2000


# The heartbeat.


def is_calm(notices: Notices) -> bool:
    """Return whether no heartbeat is on its way."""
    return notices.heartbeat is not None and not len(notices.heartbeat.background)


async def test_heartbeat_is_asked_after_each_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """With /fail at its end for a failed one."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.LAST_SECONDS", 0)
    hook = Hook()
    async with serve(hook) as address, Simulator(front_page(1)) as simulator:
        settings = Settings(
            api_url=simulator.url, heartbeat=f"http://{address}/ping/42?x=1", polls=3, retries=0,
            period=300 * MS,
        )  # fmt: skip
        async for report in watch(settings):
            if report.poll == 1:
                simulator.fail("topstories", "500", times=1)

    assert hook.asked == ["/ping/42", "/ping/42/fail", "/ping/42"]


async def test_heartbeat_that_is_not_heard_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And delays nothing."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.DELAYS", (10 * MS, 10 * MS))
    hook, ear = Hook(), Ear()
    hook.status = 500
    async with (
        serve(hook) as address,
        Notices(Settings(heartbeat=f"http://{address}/x"), Troubles(ear)) as notices,
    ):
        notices.beat(succeeded=True)
        await eventually(lambda: hook.tries == 3)
        hook.status = 200
        notices.beat(succeeded=True)
        await eventually(lambda: any(isinstance(e, Trouble) and e.over for e in ear.events))

    assert ear.sentences() == [
        f"The heartbeat is not heard at http://{address}/...: HTTP 500",
        f"The heartbeat is heard again at http://{address}/...",
    ]


@pytest.mark.parametrize("status", [None, 500])
@pytest.mark.parametrize("is_ending", [False, True])
async def test_heartbeat_that_is_not_heard_delays_no_stop(
    *, is_ending: bool, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that hangs nor one that would be tried again, also while a run ends."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.TIMEOUT", 2 * DEADLINE)
    monkeypatch.setattr("hn_comments.notices.heartbeat.LAST_SECONDS", 100 * MS)
    monkeypatch.setattr("hn_comments.notices.heartbeat.DELAYS", (2 * DEADLINE,))
    monkeypatch.setattr("hn_comments.notices.notices.DRAIN", 2 * DEADLINE)
    hook, ear = Hook(), Ear()
    if status is None:
        hook.answering.clear()
    hook.status = status or 200
    async with serve(hook) as address:
        settings = Settings(heartbeat=f"http://{address}")
        async with asyncio.timeout(DEADLINE), Notices(settings, Troubles(ear)) as notices:
            notices.beat(succeeded=True)
            await eventually(lambda: hook.tries if status is None else ear.events)
            if is_ending:
                asyncio.get_running_loop().call_later(100 * MS, notices.stop)
            else:
                notices.stop()

        assert hook.tries == 1
        reason = f"HTTP {status}" if status else "no answer before the end of the program"
        assert ear.sentences() == [f"The heartbeat is not heard at http://{address}/...: {reason}"]


async def test_last_poll_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends just before the program does, and has the ordinary time and tries."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.LAST_SECONDS", 0)
    monkeypatch.setattr("hn_comments.notices.heartbeat.DELAYS", (10 * MS,))
    hook = Hook()
    hook.status = 500
    async with serve(hook) as address:
        settings = Settings(heartbeat=f"http://{address}/x")
        notices = Notices(settings, Troubles(Ear()))
        async with notices:
            notices.beat(succeeded=False)

    assert hook.asked == ["/x/fail", "/x/fail"]


async def test_single_poll_waits_for_a_slow_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy job of cron would look dead. One that is stopped meanwhile does not wait."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.LAST_SECONDS", 0)
    hook, control = Hook(), Control()
    hook.answering.clear()
    async with serve(hook) as address, Simulator(front_page(1)) as simulator:
        settings = Settings(api_url=simulator.url, heartbeat=f"http://{address}/x", polls=1)
        for is_stopped in (False, True):
            ear = Ear()
            running = asyncio.create_task(collect(settings, ear, control))
            await eventually(lambda: hook.tries == 1 + is_stopped)  # noqa: B023 - it is awaited
            (control.stop if is_stopped else hook.answering.set)()
            async with asyncio.timeout(DEADLINE):
                await running
            hook.answering.clear()

            missed = [event for event in ear.events if isinstance(event, Trouble)]
            assert [trouble.reason for trouble in missed] == [
                "no answer before the end of the program"
            ] * is_stopped


async def test_stop_leaves_a_heartbeat_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the loop of the reports has stopped, too."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.TIMEOUT", 2 * DEADLINE)
    hook = Hook()
    hook.answering.clear()
    async with serve(hook) as address, Simulator(front_page(1)) as simulator:
        settings = Settings(api_url=simulator.url, heartbeat=f"http://{address}/x", polls=1)
        async with asyncio.timeout(DEADLINE), aclosing(watch(settings)) as reports:
            async for _ in reports:
                await eventually(lambda: hook.tries)
                break

        assert hook.tries == 1


async def test_password_of_a_heartbeat_is_sent_and_not_shown() -> None:
    """As any browser or curl would send it; urllib would look for a host of that name."""
    ear = Ear()
    async with (
        wire.serve(wire.say(wire.http(b"OK"))) as server,
        Notices(
            Settings(heartbeat=f"http://me:sek%40rit@127.0.0.1:{server.port}/x"), Troubles(ear)
        ) as notices,
    ):
        notices.beat(succeeded=False)
        await eventually(lambda: server.heads)

    (head,) = server.heads
    assert head.startswith(b"GET /x/fail ")
    assert b64encode(b"me:sek@rit") in head
    assert ear.events == []


async def test_heartbeat_without_a_password_sends_none() -> None:
    """An empty one would be refused where none is needed."""
    async with (
        wire.serve(wire.say(wire.http(b"OK"))) as server,
        Notices(Settings(heartbeat=f"http://127.0.0.1:{server.port}"), Troubles()) as notices,
    ):
        notices.beat(succeeded=True)
        await eventually(lambda: server.heads)

    assert b"authorization" not in server.heads[0].lower()


async def test_password_of_a_heartbeat_does_not_follow_a_redirect() -> None:
    """It may lead to another host, which is to learn nothing."""
    async with wire.serve(wire.say(wire.http(b"OK"))) as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/y\r\n"
        head = f"{moved}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        async with wire.serve(wire.say(head)) as server:
            url = f"http://me:sekrit@127.0.0.1:{server.port}/x"
            async with Notices(Settings(heartbeat=url), Troubles(ear := Ear())) as notices:
                notices.beat(succeeded=True)
                await eventually(lambda: other.heads and is_calm(notices))

    assert b"Authorization: Basic" in server.heads[0]
    assert other.heads[0].startswith(b"GET /y ")
    assert b"Authorization" not in other.heads[0]
    assert ear.events == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\0nonsense\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://me:sekrit@x\r\n\r\n", "InvalidURL"),
        (b"HTTP/1.1 200 OK\r\n", f"no answer within {100 * MS:g} seconds"),
    ],
)
async def test_heartbeat_survives_any_answer(
    answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is said once; the next one is asked for, also after one that never ended."""
    monkeypatch.setattr("hn_comments.notices.heartbeat.TIMEOUT", 100 * MS)
    monkeypatch.setattr("hn_comments.notices.heartbeat.DELAYS", ())
    ear = Ear()

    async def trickle(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        while answer.startswith(b"HTTP/1.1 200"):
            writer.write(b"X: y\r\n")
            await asyncio.sleep(10 * MS)
        return False

    async with (
        wire.serve(trickle) as server,
        Notices(Settings(heartbeat=f"http://127.0.0.1:{server.port}/x"), Troubles(ear)) as notices,
    ):
        for number in (1, 2):
            notices.beat(succeeded=True)
            await eventually(lambda: len(ear.events) >= number)  # noqa: B023 - it is awaited
            await eventually(lambda: is_calm(notices))

    assert server.connections == 2
    assert ear.sentences() == [
        f"The heartbeat is not heard at http://127.0.0.1:{server.port}/...: {reason}"
    ]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ntfy://me:sekrit@x", "http://[x", "http://:1"]
)
def test_heartbeat_that_is_no_web_address_is_refused(url: str) -> None:
    """A file would be heard always."""
    with pytest.raises(BadReceiver, match="the heartbeat needs an http") as caught:
        Notices(Settings(heartbeat=url), Troubles(Ear()))

    assert "sekrit" not in str(caught.value)
