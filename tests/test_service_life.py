"""A service that lives: systemd, the journal, SIGHUP, and lines that are read weeks later."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from hn_comments import Settings
from hn_comments.engine import Control
from hn_comments.errors import CannotServe
from hn_comments.events import Serving
from hn_comments.history.store import Store
from hn_comments.service import Service
from hn_comments.service.stories import Stories
from hn_comments.simulator import Simulator

from .reports import pseudo_terminal
from .serving import LONG, SHORT, started, watching
from .support import COMMAND, Ear, eventually, front_page


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has nothing of this")

TIME, DATE = r"\[\d\d:\d\d:\d\d\] ", r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] "


class Supervisor:
    """The socket at which systemd listens."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.setblocking(False)  # noqa: FBT003
        self.heard: list[str] = []

    def hear(self, wanted: str) -> bool:
        """Return whether *wanted* was said by now."""
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return wanted in self.heard


@pytest.mark.parametrize("kind", ["path", "abstract"])
async def test_systemd_hears_of_each_poll_that_ends(kind: str, tmp_path: Path) -> None:
    """Ready after the first, also if that fails; alive after each; and when it stops."""
    address = f"@hn-comments-{os.getpid()}" if kind == "abstract" else str(tmp_path / "notify")
    supervisor = Supervisor(address)
    environment = {"NOTIFY_SOCKET": address}
    async with Simulator(front_page(2)) as simulator:
        simulator.fail("topstories", "hang", times=1)
        simulator.fail("topstories", "500", times=1)
        arguments = (*SHORT, "--api-url", simulator.url, "--retries", "0", "--fetch-timeout", "1")
        async with started(*arguments, "-q", wait=False, env=environment) as service:
            await eventually(lambda: simulator.in_flight)
            assert not supervisor.hear("READY=1")
            await eventually(lambda: supervisor.hear("READY=1"))
            await eventually(
                lambda: supervisor.hear("") or supervisor.heard.count("WATCHDOG=1") > 4
            )
            assert supervisor.heard.count("READY=1") == 1
            assert not supervisor.hear("STOPPING=1")
            assert await service.end() == 143
            assert supervisor.hear("STOPPING=1")
    supervisor.socket.close()


async def test_supervisor_that_is_gone_is_no_reason_to_end(tmp_path: Path) -> None:
    """Nor one whose socket is of another family."""
    for address in (str(tmp_path / "gone"), "vsock:2:1", "nonsense"):
        async with watching(front_page(2), *SHORT, env={"NOTIFY_SOCKET": address}) as (_, service):
            await service.until_polled(2)
            assert await service.end() == 143


# Lines.


async def test_lines_have_their_date_where_nobody_watches() -> None:
    """On stderr, with --serve; results are to the letter, as all is without it."""
    for options, stamp in ((("--serve", "0"), DATE), ((), TIME)):
        async with Simulator(front_page(2)) as simulator:
            arguments = ("--api-url", simulator.url, "--polls", "2", "--period", "0.1", *options)
            async with started(*arguments, wait=False, stdout=PIPE) as service:
                assert service.process.stdout is not None
                printed = [line.decode() async for line in service.process.stdout]
                assert await service.process.wait() == 0

        assert len(service.lines) > 3
        assert all(re.match(stamp, line) for line in service.lines), service.lines
        assert all(re.match(f"{TIME}Post", line) for line in printed)


async def test_lines_in_a_terminal_have_the_time() -> None:
    """Somebody watches."""
    async with in_terminal("--demo", "--serve", "0", *LONG) as (_, screen):
        await eventually(lambda: re.search(f"(^|\n){TIME}Serving http://", screen()))


async def test_lines_in_the_journal_have_a_level_and_no_time(tmp_path: Path) -> None:
    """Where it is really the journal that stderr leads to."""
    async with Simulator(front_page(2)) as simulator:
        simulator.fail("topstories", "500", times=1)
        found = []
        for shift in (0, 1):
            with (tmp_path / "journal").open("w+b") as journal:
                status = os.fstat(journal.fileno())
                stream = f"{status.st_dev}:{status.st_ino + shift}"
                process = await asyncio.create_subprocess_exec(
                    *COMMAND, "--api-url", simulator.url, "--polls", "2", "--period", "0.1",
                    "--retries", "0", stdout=DEVNULL, stderr=journal,
                    env={**os.environ, "JOURNAL_STREAM": stream},
                )  # fmt: skip
                assert await process.wait() == 0
                journal.seek(0)
                found.append(journal.read().decode().splitlines())

    journaled, others = found
    assert "<6>Calculating comments for top 5 stories. (1)" in journaled
    assert any(line.startswith("<3>Poll 1 failed: topstories.json: HTTP") for line in journaled)
    assert any(line.startswith("<4>The API answers again") for line in journaled)
    assert all(re.match(TIME, line) for line in others)


# SIGHUP.


async def test_hangup_reopens_the_output_of_a_service(tmp_path: Path) -> None:
    """At once, so that what rotated the old file may compress it; polls go on."""
    output = tmp_path / "hn.csv"
    arguments = ("--output", str(output), "--format", "csv", *LONG)
    async with watching(front_page(2), *arguments, start_new_session=True) as (_, service):
        await service.until_polled()
        await eventually(lambda: output.read_text(encoding="utf-8").count("\n") == 2)
        output.rename(tmp_path / "hn.csv.1")
        service.process.send_signal(signal.SIGHUP)
        await eventually(lambda: output.exists() and output.read_bytes())
        status, _ = await service.get("/health")
        assert await service.end() == 143

    assert status == 200
    assert output.read_text(encoding="utf-8").startswith("poll,time,")


async def test_hangup_with_no_place_to_open_it_ends_the_service(tmp_path: Path) -> None:
    """As if the results could not be written: somebody has to know."""
    place = tmp_path / "there"
    place.mkdir()
    arguments = ("--output", str(place / "hn.csv"), *SHORT)
    async with watching(front_page(2), *arguments, start_new_session=True) as (_, service):
        await service.until_polled()
        place.rename(tmp_path / "elsewhere")
        service.process.send_signal(signal.SIGHUP)
        code = await service.process.wait()

    assert code == 1
    await eventually(lambda: "Cannot write the results: No such file" in service.lines[-1])


async def test_hangup_ends_what_does_not_serve() -> None:
    """Whether or not there is a terminal."""
    async with Simulator(front_page(2)) as simulator:
        arguments = ("--api-url", simulator.url, *SHORT)
        async with started(*arguments, wait=False, start_new_session=True) as service:
            await eventually(lambda: simulator.requests > 4)
            service.process.send_signal(signal.SIGHUP)
            code = await service.process.wait()

    assert code == 129


async def test_terminal_that_closes_ends_what_serves_in_it() -> None:
    """Though the same signal means another thing to a service."""
    async with in_terminal("--demo", "--serve", "0", *LONG) as (process, screen):
        await eventually(lambda: "Serving" in screen())
        process.send_signal(signal.SIGHUP)
        await eventually(lambda: screen() and process.returncode is not None)

    assert process.returncode == 129


# A program that makes the terminal its own, as a shell does, and then is another one.
LOGIN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


@asynccontextmanager
async def in_terminal(*arguments: str) -> AsyncIterator[tuple[Process, Callable[[], str]]]:
    """Run the command in a terminal of its own; yield what returns all that it has shown."""
    with pseudo_terminal() as (user, program):
        os.set_blocking(user, False)
        shown: list[str] = []

        def screen() -> str:
            with suppress(BlockingIOError):
                shown.append(os.read(user, 4096).decode())
            return "".join(shown)

        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", LOGIN, str(program), *COMMAND, *arguments), pass_fds=[program]
        )
        try:
            yield process, screen
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def test_port_is_closed_at_the_end() -> None:
    """Whoever is a part of another program leaves nothing behind in it."""
    ear = Ear()
    async with Service(Settings(serve="0"), Control(), ear):
        (serving,) = ear.events
        assert isinstance(serving, Serving)
        port = int(serving.url.rstrip("/").rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "hn_comments.service.metrics", raising=False)

    for settings in (Settings(serve="0"), Settings(metrics_file="x.prom")):
        with pytest.raises(CannotServe, match="pip install prometheus-client"):
            Service(settings, Control(), Ear())


async def test_story_that_no_history_knows_is_unknown(tmp_path: Path) -> None:
    """As where there is no history."""
    path = str(tmp_path / "h.db")
    Store(path).close()

    for settings in (Settings(history=path), Settings()):
        assert await Stories(settings, lambda _: None).find(8863) is None
