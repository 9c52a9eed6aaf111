"""The simulator's websocket: as the database below Hacker News, and as bad as asked."""

import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hn_comments.simulator import Simulator, World
from hn_comments.simulator.command import build_parser
from hn_comments.simulator.sockets import WEATHER

from .support import MS, eventually, front_page, run


# A folder with node_modules/firebase; without it the package is installed for the test.
FIREBASE = "HN_COMMENTS_TESTS_FIREBASE"

# Reads the newest items by Google's own library, and waits for changes.
PROGRAM = """
const { initializeApp } = require("firebase/app");
const { get, getDatabase, onValue, ref } = require("firebase/database");

const [url, number, changes] = process.argv.slice(2);
const database = getDatabase(initializeApp({ databaseURL: `${url}?ns=hacker-news` }));

async function main() {
  const largest = (await get(ref(database, "v0/maxitem"))).val();
  const ids = [...Array(Number(number)).keys()].map((back) => largest - back);
  const items = await Promise.all(ids.map((id) => get(ref(database, `v0/item/${id}`))));
  const read = Object.fromEntries(items.map((item, place) => [ids[place], item.val()]));
  const seen = [];
  onValue(ref(database, "v0/maxitem"), (value) => {
    seen.push(value.val());
    if (seen.length > Number(changes)) {
      process.stdout.write(JSON.stringify({ read, seen }), () => process.exit(0));
    }
  });
}

main();
"""


class Visitor:
    """A client as bare as can be."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, number: int, action: str, path: str) -> None:
        request = {"r": number, "a": action, "b": {"p": path, "h": ""}}
        await self.socket.send_str(json.dumps({"t": "d", "d": request}))

    async def hear(self) -> Any:
        return json.loads(await self.socket.receive_str())


@contextlib.asynccontextmanager
async def visit(world: World, **weather: float) -> AsyncIterator[tuple[Simulator, Visitor]]:
    """Serve a world, and open a socket there."""
    async with (
        Simulator(world, weather=weather) as simulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(simulator.url.replace("/v0", "/.ws?v=5&ns=hacker-news")) as socket,
    ):
        yield simulator, Visitor(socket)


async def test_hello_read_and_changes() -> None:
    """A hello with the host, the value of a path, and then what changes there, until no more."""
    world = front_page(3)
    story = world.top[0]
    async with visit(world) as (simulator, visitor):
        hello = await visitor.hear()
        await visitor.ask(1, "g", f"/v0/item/{story}")
        read = await visitor.hear()
        await visitor.ask(2, "q", f"/v0/item/{story}")
        first, confirmed = await visitor.hear(), await visitor.hear()
        comment = world.add_comment(story)
        change = await visitor.hear()
        await visitor.ask(3, "n", f"/v0/item/{story}")
        left = await visitor.hear()

        assert hello["d"]["t"] == "h"
        assert hello["d"]["d"]["h"] == f"127.0.0.1:{simulator.port}"
        assert read["d"]["b"]["d"]["id"] == story
        assert (first["d"]["a"], first["d"]["b"]["p"]) == ("d", f"v0/item/{story}")
        assert confirmed["d"] == {"r": 2, "b": {"s": "ok", "d": {}}}
        assert change["d"]["a"] == "m"
        assert comment in change["d"]["b"]["d"]["kids"]
        assert change["d"]["b"]["d"].keys() == {"kids", "descendants"}
        assert left["d"]["r"] == 3
        assert (simulator.requests, simulator.sockets, simulator.pushes) == (1, 1, 2)


async def test_long_messages_come_in_counted_frames() -> None:
    """First the number of the frames, then the frames."""
    world = front_page(3)
    async with visit(world, split=50) as (_, visitor):
        for request in range(2):
            number = int(await visitor.socket.receive_str())
            frames = [await visitor.socket.receive_str() for _ in range(number)]
            assert all(len(frame) == 50 for frame in frames[:-1])
            assert json.loads("".join(frames))["t"] == "cd"[request]
            await visitor.ask(1, "g", f"/v0/item/{world.top[0]}")


@pytest.mark.parametrize("kind", ["reset", "shutdown"])
async def test_connection_ends(kind: str) -> None:
    """After so many seconds, with or without a word."""
    heard: list[str] = []
    async with visit(front_page(3), **{kind: 20 * MS}) as (_, visitor):
        with contextlib.suppress(TypeError):
            while True:
                heard.append((await visitor.hear())["d"]["t"])

    assert heard == (["h"] if kind == "reset" else ["h", "s"])


async def test_redirect_names_a_host() -> None:
    """It is a word of control, like the hello."""
    async with visit(front_page(3), redirect=0) as (_, visitor):
        heard = {(await visitor.hear())["d"]["t"] for _ in range(2)}

    assert heard == {"h", "r"}


async def test_stalled_connection_says_nothing() -> None:
    """It hears the question."""
    async with visit(front_page(3), stall=0) as (simulator, visitor):
        await visitor.ask(1, "g", "/v0/maxitem")
        await eventually(lambda: simulator.requests)
        with pytest.raises(TimeoutError):
            await visitor.socket.receive(timeout=50 * MS)


async def test_storm_tells_what_did_not_change() -> None:
    """Again and again."""
    async with visit(front_page(3), storm=MS) as (_, visitor):
        await visitor.ask(1, "q", "/v0/maxitem")
        told = [(await visitor.hear())["d"].get("b", {}).get("d") for _ in range(20)]

    assert len({value for value in told if isinstance(value, int)}) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("401", "permission_denied"), ("500", "unavailable"), ("null", "ok")]
)
async def test_faults_spoil_reads_here_too(fault: str, status: str) -> None:
    """As over HTTP, in the words of the database."""
    world = front_page(1)
    async with visit(world) as (simulator, visitor):
        simulator.fail(f"item/{world.top[0]}", fault)
        await visitor.hear()
        await visitor.ask(1, "g", f"/v0/item/{world.top[0]}")

        assert (await visitor.hear())["d"]["b"]["s"] == status


@pytest.mark.parametrize("text", ["hail=1", "split=0", "storm=0", "reset=x", "reset"])
def test_weather_that_there_is_not(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Is refused with a sentence."""
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--weather", text])

    assert "argument --weather" in capsys.readouterr().err


def test_all_kinds_of_weather_can_be_asked_for() -> None:
    """Each with a number."""
    args = [f"--weather={kind}=1" for kind in WEATHER]

    assert build_parser().parse_args(args).weather == [(kind, 1.0) for kind in WEATHER]


@pytest.mark.long
async def test_library_of_google_reads_and_is_told(tmp_path: Path) -> None:
    """What we took from its source is what it means."""
    world = World(stories=20, seed=1, rate=300)
    folder = await find_firebase(tmp_path)
    program = folder / "read.cjs"
    program.write_text(PROGRAM, encoding="utf-8")

    async with Simulator(world) as simulator:
        url = simulator.url.removesuffix("/v0")
        code, stdout, stderr = await run("node", str(program), url, "2000", "3")

        assert code == 0, stderr
        found = json.loads(stdout)
        assert len(found["read"]) == 2000
        assert simulator.sockets == 1
        assert simulator.requests == 2001
    for item_id, item in found["read"].items():
        assert item["id"] == int(item_id)
        assert item["time"] == (world.items[int(item_id)] or {})["time"]
    assert found["seen"] == sorted(set(found["seen"]))


async def find_firebase(folder: Path) -> Path:
    """Return a folder in which node finds the library; skip the test where there is none."""
    if FIREBASE in os.environ:
        return Path(os.environ[FIREBASE])
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    code, _, stderr = await run(npm, "install", "--silent", "--prefix", str(folder), "firebase")
    if code:
        pytest.skip(f"firebase cannot be installed: {stderr[-200:]}")
    return folder
