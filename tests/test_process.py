"""What the command does to its process so that a thousand requests can be in flight."""

import gc
import json
import sys
from asyncio import sslproto
from collections.abc import Iterator

import pytest

from hn_comments import Session, Settings, URLFetcher
from hn_comments.command.process import TLS_BUFFER, fit_process
from hn_comments.settings import MAX_STREAMS, OTHER_FILES

from . import wire
from .support import COMMAND, MS, outcome, started


resource = pytest.importorskip("resource")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave no trace in the process of the tests."""
    thresholds, buffer = gc.get_threshold(), sslproto.SSLProtocol.max_size
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sslproto.SSLProtocol.max_size = buffer
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "then"),
    [
        (256, 4096, "connections=1000", 1000 + OTHER_FILES),
        (256, 4096, "connections=1000, serve='0'", 1000 + OTHER_FILES + MAX_STREAMS),
        (256, 512, "connections=1000", 512),
        (2048, 4096, "connections=1000", 2048),
        (256, 4096, "connections=10", 256),
    ],
)
async def test_file_limit_is_raised_as_far_as_needed(
    soft: int, hard: int, wanted: str, then: int
) -> None:
    """To the hard limit at most, and never lowered."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from hn_comments import Settings\n"
        f"from hn_comments.command.process import fit_process; fit_process(Settings({wanted}))\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )

    async with started(sys.executable, "-c", program) as process:
        code, stdout, _ = await outcome(process)

    assert (code, stdout) == (0, f"{then}\n")


async def test_requests_in_flight_stay_below_a_file_limit_that_cannot_be_raised() -> None:
    """The walk takes longer, and nothing fails for it; the history has its files."""
    few = wire.Few(1000, wire.api(wire.front_page(100)), wire.hang_up)
    async with wire.serve(few) as server:
        url = f"http://127.0.0.1:{server.port}/v0"
        command = ["ulimit -n 150 && exec", *COMMAND, "--api-url", url, "--once", "--limit", "100"]
        command += ["--retries", "0", "--format", "json", "-q"]

        async with started("sh", "-c", " ".join(command)) as process:
            code, stdout, stderr = await outcome(process)

    assert (code, stderr) == (0, "")
    assert json.loads(stdout.splitlines()[-1])["status"] == "exact"
    assert server.connections <= 50


@pytest.mark.parametrize(
    ("serve", "files"), [(None, OTHER_FILES), ("0", OTHER_FILES + MAX_STREAMS)]
)
def test_requests_in_flight_leave_room_for_other_files(serve: str | None, files: int) -> None:
    """Pages that listen to the port, too, as many as there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))

    session = Session(Settings(serve=serve))

    assert session.pacer.most == 500 - files


async def test_small_buffer_of_tls_takes_a_large_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is filled again and again."""
    body = b'"' + 500_000 * b"x" + b'"'
    context = wire.certificate(wire.trust(monkeypatch))
    fit_process(Settings())
    assert sslproto.SSLProtocol.max_size == TLS_BUFFER

    async with wire.serve(wire.say(wire.http(body)), context) as server:
        chosen = Settings(api_url=f"https://127.0.0.1:{server.port}/v0", fetch_timeout=60_000 * MS)
        async with Session(chosen) as session:
            answer = await URLFetcher(session).fetch("item/1.json")

    assert len(answer) == 500_000
