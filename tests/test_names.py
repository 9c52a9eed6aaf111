"""Names are looked up by threads that nobody waits for."""

import asyncio
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from hn_comments import Session, Settings, URLFetcher
from hn_comments.api.names import Resolver

from . import wire
from .support import COMMAND, DEADLINE, MS


# A name server that is silent for longer than any test waits.
SILENCE = """
import socket, sys, time

def be_silent(*_, **__):
    sys.stderr.write("asked\\n")
    time.sleep(600)

socket.getaddrinfo = be_silent
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
async def test_signal_ends_the_command_while_the_name_server_is_silent(
    name: str, code: int, tmp_path: Path
) -> None:
    """Long before the name server would answer, and without a word."""
    (tmp_path / "sitecustomize.py").write_text(SILENCE)
    process = await asyncio.create_subprocess_exec(
        *[*COMMAND, "--api-url", "http://hn.example/v0"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=obey,
    )
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE):
        while await process.stderr.readline() != b"asked\n":
            pass
        process.send_signal(signal.Signals[name])
        _, err = await process.communicate()

    assert process.returncode == code
    assert b"Traceback" not in err
    assert b"Warning" not in err


def obey() -> None:
    """Let no signal be ignored, whoever runs the tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_names_lead_to_addresses(host: str) -> None:
    """Of this machine, which knows its own."""
    found = await Resolver().resolve(host, 80)

    assert "127.0.0.1" in {address["host"] for address in found}
    assert {address["hostname"] for address in found} == {host}
    assert {address["port"] for address in found} == {80}


async def test_zone_of_a_link_local_address_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, nobody knows to which network the address belongs."""
    index, name = socket.if_nameindex()[0]
    local = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, index))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [local])

    (found,) = await Resolver().resolve("box.local", 80)

    assert found["host"] == f"fe80::1%{name}"


async def test_error_of_the_system_is_raised() -> None:
    """Where the name was asked for."""
    with pytest.raises(socket.gaierror):
        await Resolver().resolve("hn.invalid", 80)


def test_answer_after_the_end_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread may find the loop closed that wanted to know."""
    go_on, ended = threading.Event(), threading.Event()

    def answer_late(*_: object, **__: object) -> list[object]:
        go_on.wait(DEADLINE)
        ended.set()
        return []

    monkeypatch.setattr("socket.getaddrinfo", answer_late)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(Resolver().resolve("hn.example", 80), 20 * MS))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "names"]
    # pytest makes an error of an exception in a thread.
    go_on.set()
    thread.join(DEADLINE)

    assert ended.is_set()


async def test_session_finds_a_server_by_its_name() -> None:
    """As any client does."""
    async with wire.serve(wire.api({"maxitem": 7})) as server:
        chosen = Settings(api_url=f"http://localhost:{server.port}/v0")
        async with Session(chosen) as session:
            assert await URLFetcher(session).fetch("maxitem.json") == 7
