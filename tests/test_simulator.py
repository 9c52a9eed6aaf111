"""The simulator: true to the real API's proportions and promises, and its faults."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

import aiohttp
import pytest

from hn_comments.simulator import FAULTS, Simulator, World
from hn_comments.simulator.command import main
from hn_comments.simulator.paths import answer, list_stories

from .support import DEADLINE, MS, eventually, front_page, thread


SIMULATOR = [sys.executable, "-X", "dev", "-W", "error", "-m", "hn_comments.simulator.command"]


@pytest.fixture(scope="module")
def world() -> World:
    """A few hundred stories, for measuring."""
    return World(stories=350)


def item(world: World, item_id: int) -> dict[str, Any]:
    found = world.items[item_id]
    assert found is not None
    return found


def test_sizes_are_those_of_the_front_page(world: World) -> None:
    """Stories of score 100 and more: median 94, p90 269, p99 605, mean 130."""
    sizes = [
        len(world.threads[story]) for story in world.threads if item(world, story)["score"] >= 100
    ]
    percentiles = quantiles(sizes, n=100)

    assert median(sizes) == pytest.approx(94, rel=0.15)
    assert percentiles[89] == pytest.approx(269, rel=0.15)
    assert percentiles[98] == pytest.approx(605, rel=0.15)
    assert mean(sizes) == pytest.approx(130, rel=0.15)


def test_shapes_are_those_of_real_threads(world: World) -> None:
    """A fifth replies to the story, 56% has no reply, some threads are deep."""
    comments = [entry for entry in world.items.values() if entry and entry["type"] == "comment"]
    top_level = sum(entry["parent"] in world.threads for entry in comments)
    leaves = sum(not entry.get("kids") for entry in comments)
    gone = sum(bool(entry.get("dead") or entry.get("deleted")) for entry in comments)
    depths = Counter(depth(world, entry["id"]) for entry in comments)

    assert top_level / len(comments) == pytest.approx(0.2, rel=0.15)
    assert leaves / len(comments) == pytest.approx(0.56, rel=0.15)
    assert 0.02 <= gone / len(comments) <= 0.1
    assert max(depths) >= 12


def depth(world: World, item_id: int) -> int:
    """Return how many levels a comment is below its story."""
    levels = 0
    while (parent := item(world, item_id).get("parent")) is not None:
        item_id = parent
        levels += 1
    return levels


def check(world: World) -> None:
    """Check every promise that the API makes."""
    assert answer(world, "maxitem") == max(world.items)
    for item_id, entry in world.items.items():
        assert entry
        assert entry["id"] == item_id
        for kid in entry.get("kids", []):
            assert kid > item_id
            assert item(world, kid)["parent"] == item_id
        if entry.get("deleted"):
            assert entry.keys() <= {"deleted", "id", "kids", "parent", "time", "type"}
        if entry.get("dead"):
            assert entry["by"]
            assert entry["text"] in {"[dead]", "[flagged]"}
    for story in world.threads:
        below = list(world.walk(story))
        live = [kid for kid in below if World._is_live(item(world, kid))]
        assert sorted(below) == sorted(world.threads[story])
        assert item(world, story)["descendants"] == len(live)


def test_promises_are_kept_while_it_grows() -> None:
    """`descendants`, `maxitem`, `kids` and `parent` agree, before and after."""
    world = World(stories=20)
    check(world)
    size = len(world.items)

    for _ in range(2000):
        world.grow()

    check(world)
    assert len(world.items) >= size + 2000


def test_updates_name_what_changed() -> None:
    """A new comment changes its parent and its story; the newest change is first."""
    world = front_page(5)
    story = world.top[0]
    parent = next(iter(world.walk(story)))

    comment = world.add_comment(parent)

    assert set(answer(world, "updates")["items"][:3]) == {comment, parent, story}
    assert len(answer(World(stories=30), "updates")["items"]) <= 40


def test_same_seed_same_world() -> None:
    """Also after growing; another seed makes another one."""
    one, same, other = World(seed=7, stories=5), World(seed=7, stories=5), World(stories=5)
    for world in (one, same, other):
        for _ in range(200):
            world.grow()

    assert (one.items, one.top) == (same.items, same.top)
    assert one.items != other.items


def test_growth_follows_the_clock() -> None:
    """60 comments a minute are one a second; without a rate the world stands still."""
    now = 0.0
    growing = World(stories=5, rate=60, clock=lambda: now)
    still = World(stories=5, clock=lambda: now)
    before = answer(growing, "maxitem"), answer(still, "maxitem")

    now = 10.9
    after = answer(growing, "maxitem"), answer(still, "maxitem")

    assert 10 <= after[0] - before[0] <= 15
    assert after[1] == before[1]


def test_lists() -> None:
    """All six, as the real ones are."""
    world = World(stories=90)
    lists = {
        name: list_stories(world, name) or []
        for name in ["top", "new", "best", "ask", "show", "job"]
    }

    assert len(lists["top"]) == 90
    assert lists["new"] == sorted(lists["new"], reverse=True)
    scores = [item(world, story)["score"] for story in lists["best"]]
    assert scores == sorted(scores, reverse=True)
    for name in ("ask", "show"):
        assert lists[name]
        assert all(item(world, s)["title"].lower().startswith(name) for s in lists[name])
    assert {item(world, job)["type"] for job in lists["job"]} == {"job"}
    assert len(set(lists["top"]) & set(lists["job"])) == 3
    assert list_stories(world, "nonsense") is None


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_paths() -> None:
    """Items, lists, maxitem, updates; anything else is `null`, as on the real site."""
    world = thread({1: [2]})
    async with Simulator(world) as simulator:
        base = simulator.url
        assert await get(f"{base}/item/2.json") == (
            200,
            '{"id": 2, "type": "comment", "parent": 1}',
        )
        assert await get(f"{base}/topstories.json?print=pretty") == (200, "[\n  1\n]")
        assert json.loads((await get(f"{base}/updates.json"))[1]) == {"items": [], "profiles": []}
        for path in ("item/3.json", "item/x.json", "x.json", "item/2", "user/pg.json", ""):
            assert await get(f"{base}/{path}") == (200, "null")
        assert await get(base.replace("v0", "v1/item/2.json")) == (200, "null")


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults(fault: str) -> None:
    """Each does what its name says, as often as it is told, and then no more."""
    async with Simulator(thread({1: [2, 3], 2: [4]})) as simulator:
        simulator.fail("item/2", fault, times=1)
        url = f"{simulator.url}/item/2.json"
        try:
            async with asyncio.timeout(300 * MS):
                status, text = await get(url)
        except TimeoutError:
            assert fault in {"hang", "slow"}
        except aiohttp.ClientPayloadError:
            assert fault == "truncated"
        except aiohttp.ServerDisconnectedError:
            assert fault == "drop"
        except aiohttp.ClientOSError:
            assert fault == "drop"
        else:
            expected = {
                "null": (200, "null"),
                "garbage": (200, "<html>502 Bad Gateway</html>"),
                "wrong-id": (200, '{"id": 3, "type": "comment", "parent": 1, "kids": [4]}'),
                "cycle": (200, '{"id": 2, "type": "comment", "parent": 1, "kids": [4, 1]}'),
            }
            # aiohttp itself asks again where a kept connection was dropped.
            assert fault == "drop" or (status, text) == expected.get(
                fault, (int(fault) if fault.isdecimal() else 0, f'{{"error": "{fault}"}}')
            )

        assert (await get(url))[0] == 200
        await eventually(lambda: simulator.in_flight == 0)


async def test_random_faults_come_as_often_as_asked_for() -> None:
    """Drawn from the seed, for any path."""
    answers = Counter[str]()
    async with (
        Simulator(thread({}), faults={"500": 0.3, "null": 0.2}) as simulator,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(400):
            async with session.get(f"{simulator.url}/maxitem.json") as response:
                answers[await response.text()] += 1

    assert 80 < answers['{"error": "500"}'] < 160
    assert 45 < answers["null"] < 115
    assert simulator.requests == 400


def test_recorded_trees(tmp_path: Path) -> None:
    """A file of items is served as it is, and grows if told to."""
    file = tmp_path / "recorded.json"
    recorded = thread({1: [2, 3], 3: [4]})
    recorded.items[5] = None
    file.write_text(json.dumps({"top": [1], "items": recorded.items}), encoding="utf-8")

    world = World.from_file(file)

    assert answer(world, "topstories") == [1]
    assert answer(world, "item/3") == recorded.items[3]
    assert answer(world, "maxitem") == 5
    world.grow()
    assert len(list(world.walk(1))) == 4


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "x"], "'x'"),
        (["--port", "99999"], "'99999'"),
        (["--rate", "-1"], "'-1'"),
        (["--latency", "nan"], "'nan'"),
        (["--fault", "boom=0.5"], "'boom'"),
        (["--fault", "null=2"], "'2'"),
        (["--fault", "null"], "''"),
        (["--fault", "null=0.6", "--fault", "500=0.6"], "more than 1"),
        (["--data", "missing.json"], "'missing.json'"),
        (["--data", __file__], "cannot use"),
        (["--data", "x", "--stories", "3"], "--stories"),
    ],
)
def test_mistakes(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a sentence that names the input."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert named in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("content", ["[]", '{"top": 1, "items": []}', '{"items": {}}', "{"])
def test_files_that_hold_no_trees(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever JSON it is."""
    file = tmp_path / "data.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(SystemExit):
        main(["--data", str(file)])

    assert f"argument --data: cannot use {str(file)!r}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
async def test_command_serves_until_it_is_stopped() -> None:
    """It says where, and at the end how much."""
    process = await asyncio.create_subprocess_exec(
        *SIMULATOR, "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    async with asyncio.timeout(DEADLINE):
        line = (await process.stdout.readline()).decode()
        assert line.startswith("Serving http://127.0.0.1:")
        url = line.split()[1]
        assert json.loads((await get(f"{url}/topstories.json"))[1])
        taken = await asyncio.create_subprocess_exec(
            *SIMULATOR, "--port", url.split(":")[2].split("/")[0], stderr=subprocess.PIPE
        )
        _, refusal = await taken.communicate()
        process.send_signal(signal.SIGTERM)
        _, stderr = await process.communicate()

    assert (taken.returncode, process.returncode) == (2, 0)
    assert b"argument --port: cannot serve on port" in refusal
    assert stderr == b"Served 1 requests\n"
