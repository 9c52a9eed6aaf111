"""--check: what it says of each way to the API."""

from typing import Any

import pytest

from hn_comments import Settings
from hn_comments.command import check as check_module
from hn_comments.command.check import check
from hn_comments.simulator import Simulator, World

from . import wire
from .support import COMMAND, MS, front_page, run
from .websocket import Peer, database


async def said(url: str, **settings: Any) -> tuple[list[str], bool]:
    """Return what is said, without the figures, and whether all went well."""
    answers = [one async for one in check(Settings(api_url=url, **settings))]
    sentences = [sentence.partition(" in ")[0] for sentence, _ in answers]
    return sentences, all(fine for _, fine in answers)


async def test_both_ways_work() -> None:
    """The same items, and a change is told."""
    async with Simulator(World(stories=5, rate=3000)) as simulator:
        options = ("--check", "--source", "socket", "--api-url", simulator.url)
        code, stdout, stderr = await run(*COMMAND, *options)

        assert (code, stderr, simulator.sockets) == (0, "", 1)
    http, socket, told = stdout.splitlines()
    assert http.startswith("Over HTTP: 200 items in ")
    assert socket.startswith("Over the socket: 200 items in ")
    assert told.startswith("The socket told of a change after ")


async def test_http_alone() -> None:
    """No socket is opened for it."""
    async with Simulator(World(stories=5)) as simulator:
        sentences, well = await said(simulator.url)

        assert sentences == ["Over HTTP: 200 items"]
        assert (well, simulator.sockets) == (True, 0)


async def test_no_change_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing changes, or it is not told."""
    monkeypatch.setattr(check_module, "PATIENCE", 200 * MS)
    async with Simulator(front_page(5)) as simulator:
        sentences, well = await said(simulator.url, source="socket")

    assert sentences[2] == "The socket told of no change within 0.2 seconds"
    assert not well


async def test_there_is_no_socket() -> None:
    """And why."""
    async with wire.serve(wire.api(wire.front_page(3))) as server:
        code, stdout, _ = await run(
            *COMMAND, "--check", "--source=socket", f"--api-url=http://127.0.0.1:{server.port}/v0"
        )

    assert code == 1
    assert stdout.splitlines()[1] == "Over the socket: nothing. there is none: HTTP 200"


async def test_nothing_answers() -> None:
    """That is one sentence."""
    sentences, well = await said("http://127.0.0.1:9/v0", retries=0)

    assert sentences == [
        "http://127.0.0.1:9/v0: maxitem.json: cannot connect to 127.0.0.1:9: Connection refused"
    ]
    assert not well


async def test_socket_has_other_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item's author never changes."""
    monkeypatch.setattr(check_module, "PATIENCE", 200 * MS)
    answers = wire.front_page(3)
    others = {**answers, "item/2": {**answers["item/2"], "by": "somebody"}}

    async def script(peer: Peer) -> None:
        peer.answers = others
        await peer.serve()

    async with database(answers, script) as server:
        sentences, well = await said(f"http://127.0.0.1:{server.port}/v0", source="socket")

    assert sentences[2] == "1 of them are not the same, as 2"
    assert not well


async def test_maxitem_makes_no_sense() -> None:
    """It is not taken for a number."""
    async with wire.serve(wire.api({"maxitem": "x"})) as server:
        sentences, well = await said(f"http://127.0.0.1:{server.port}/v0")

    assert sentences[0].endswith("maxitem.json: the answer is not an item id")
    assert not well
