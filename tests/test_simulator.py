"""The simulator: true to the real API's proportions and promises, and its faults."""

import asyncio
import json
import re
import shlex
import signal
import sys
from collections import Counter
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles
from typing import Any

import aiohttp
import pytest

from hn_comments.simulator import FAULTS, Limit, Simulator, World
from hn_comments.simulator.answers import answer, list_stories
from hn_comments.simulator.command import main
from hn_comments.simulator.forest import is_live
from hn_comments.simulator.limit import STATUSES

from .support import DEADLINE, MS, Clock, eventually, front_page, outcome, run, started, thread


SIMULATOR = [sys.executable, "-X", "dev", "-W", "error", "-m", "hn_comments.simulator.command"]


# A Tuesday in November 2023.
NOON = 1_700_000_000


def noon() -> float:
    return NOON


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
    """Check every promise of the API."""
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
    check_stories(world)


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
    """The same after growing; another seed makes another world."""
    one, same = World(seed=7, stories=5, now=noon), World(seed=7, stories=5, now=noon)
    other = World(stories=5, now=noon)
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


def quiet_world(size: int = 200, **settings: Any) -> tuple[World, Clock]:
    """Return a world whose last change is long ago, and its clock."""
    clock = Clock(1000)
    world = World(stories=0, clock=clock, now=noon, **settings)
    for _ in range(3):
        world.top.append(world.add_story(score=100))
    for number in range(size):
        world.add_reply(world.top[number % 3])
    clock.now += 1000
    world.updates.clear()
    return world, clock


def views(world: World, path: str, number: int = 200) -> list[Any]:
    return [answer(world, path) for _ in range(number)]


def test_lists_and_counts_are_late_but_not_for_long() -> None:
    """A comment can be read before its parent lists it; after twice the lag all answers agree."""
    world, clock = quiet_world(lag=5)
    story = world.top[0]
    known = item(world, story)["descendants"]
    comments = [world.add_comment(story) for _ in range(50)]

    assert answer(world, "maxitem") == comments[-1]
    clock.now += 2.5
    listed = [len(set(comments) & set(view["kids"])) for view in views(world, f"item/{story}")]
    counted = {view["descendants"] - known for view in views(world, f"item/{story}")}
    assert 0 in listed
    assert 5 < max(listed) < 45
    assert min(counted) == 0
    assert 5 < max(counted) < 45
    # The same comments are late for every request.
    assert len({tuple(view["kids"]) for view in views(world, f"item/{story}")}) < 60

    clock.now += 7.6
    assert views(world, f"item/{story}") == [item(world, story)] * 200
    assert item(world, story)["descendants"] == known + 50


def test_answers_can_be_as_old_as_the_lag_and_no_older() -> None:
    """An old answer was true once: a new comment is null for a moment, a dead one alive."""
    world, clock = quiet_world(lag=5)
    old = world.threads[world.top[0]][0]
    was = dict(item(world, old))
    new = world.add_comment(world.top[1])
    world.kill(old)

    assert 60 < views(world, f"item/{old}").count(was) < 140
    seen = Counter[float]()
    for tenth in range(60):
        clock.now += 0.1
        for view in views(world, f"item/{new}", 20):
            assert view in (None, item(world, new))
            seen[tenth // 10] += view is None
        for view in views(world, f"item/{old}", 20):
            assert view in (was, item(world, old))

    assert seen[0] > seen[1] > seen[3] > 0
    assert seen[5] == 0


def test_all_that_was_true_within_the_lag_can_be_answered() -> None:
    """Several changes back, not only the last one; and later changes do not alter an answer."""
    world, clock = quiet_world(lag=5)
    comment = world.threads[world.top[0]][0]
    story = answer(world, f"item/{world.top[0]}")
    listed = list(story["kids"])
    for happens in (world.kill, world.delete, world.revive, world.delete):
        happens(comment)
        clock.now += 1.5

    seen = Counter(
        (bool(view.get("dead")), bool(view.get("deleted")))
        for view in views(world, f"item/{comment}", 400)
    )
    world.add_comment(world.top[0])

    assert seen.keys() == {(False, False), (True, False), (False, True)}
    assert seen[True, False] > 5
    assert story["kids"] == listed


def test_without_lag_answers_are_the_truth() -> None:
    """At once, and always."""
    world, _ = quiet_world()
    new = world.add_comment(world.top[0])

    for item_id in (new, world.top[0]):
        assert views(world, f"item/{item_id}", 5) == [item(world, item_id)] * 5
    assert set(views(world, "maxitem")) == {new}


def test_same_seed_same_delays() -> None:
    """Requests in between change nothing."""
    shown = []
    for questions in (1, 7):
        world, clock = quiet_world(lag=5, seed=3)
        path = f"item/{world.top[0]}"
        views(world, path, questions)
        new = {world.add_comment(world.top[0]) for _ in range(20)}
        clock.now += 3
        shown.append(max((new & set(view["kids"]) for view in views(world, path)), key=len))

    assert shown[0] == shown[1] != set()


def test_maxitem_flaps() -> None:
    """One replica knows all, the other is one to three ids behind."""
    world, _ = quiet_world(flap=True)
    largest = max(world.items)

    seen = Counter(views(world, "maxitem"))

    assert seen.keys() == {largest, largest - 1, largest - 2, largest - 3}
    assert 60 < seen[largest] < 140


@pytest.mark.parametrize("size", [0, 3])
def test_updates_forget(size: int) -> None:
    """They hold the latest ids, of a number that can be set."""
    world, _ = quiet_world(updates_size=size)
    touched = world.threads[world.top[0]][:5]
    for item_id in touched:
        world.touch(item_id)

    assert answer(world, "updates")["items"] == touched[::-1][:size]


def test_silent_changes_keep_every_promise() -> None:
    """Deaths, revivals, moves and removals at random: counts stay true, `updates` empty."""
    world, _ = quiet_world()
    chance = Random(0)
    removed = set()
    for _ in range(400):
        comments = [i for i, entry in world.items.items() if entry and "parent" in entry]
        comment, parent = chance.choice(comments), chance.choice([*comments, *world.top])
        tree = {comment, *world.walk(comment)}
        if parent in tree:
            with pytest.raises(ValueError, match="is a reply to"):
                world.move(comment, parent)
        match chance.randrange(10):
            case 0 if chance.random() < 1 / 4:
                world.remove(comment)
                removed.add(comment)
                assert world.items[comment] is None
            case 1 if parent not in tree and chance.random() < 1 / 4:
                world.remove(comment, parent=parent)
                removed.add(comment)
                assert item(world, comment)["parent"] == parent
            case 2 | 3 | 4 if parent not in tree:
                world.move(comment, parent)
                removed.discard(comment)
            case 5 | 6:
                world.kill(comment, quietly=True)
            case 7:
                world.delete(comment, quietly=True)
            case 8 | 9:
                world.revive(comment, quietly=True)
        check_stories(world)
        assert not world.updates

    assert removed
    assert not removed & {kid for story in world.threads for kid in world.walk(story)}


def check_stories(world: World) -> None:
    for story in world.threads:
        below = list(world.walk(story))
        assert sorted(below) == sorted(world.threads[story])
        assert item(world, story)["descendants"] == sum(is_live(item(world, kid)) for kid in below)


def test_revival_restores_what_was_said() -> None:
    """The text and its author; `updates` names it, unless it is silent."""
    world, _ = quiet_world()
    comment = world.threads[world.top[0]][0]
    before = dict(item(world, comment))

    world.kill(comment)
    world.delete(comment)
    assert item(world, comment).keys() == before.keys() - {"by", "text"} | {"deleted"}
    world.updates.clear()
    world.revive(comment)

    assert item(world, comment) == before
    assert answer(world, "updates")["items"] == [comment, world.top[0]]


def test_moves_and_removals_are_late_too() -> None:
    """Old answers list the comment where it was; a move within a story changes no count."""
    world, clock = quiet_world(lag=5)
    story = world.top[0]
    first, second = (kid for kid in item(world, story)["kids"][:2])
    known = item(world, story)["descendants"]

    world.move(first, second)

    seen = Counter(first in view["kids"] for view in views(world, f"item/{story}"))
    assert 60 < seen[True] < 140
    for _ in range(20):
        assert {view["descendants"] for view in views(world, f"item/{story}", 20)} == {known}
        clock.now += 0.5
    assert views(world, f"item/{story}") == [item(world, story)] * 200
    world.remove(second)
    assert None in views(world, f"item/{second}", 20)
    assert {"id": second}.items() <= max(views(world, f"item/{second}", 20), key=bool).items()


def test_a_removed_comment_can_be_listed_again() -> None:
    """Its replies come back with it."""
    world = front_page(0, 3)
    one, other = world.top
    comment = world.add_comment(one)
    reply = world.add_comment(comment)
    world.remove(comment, parent=other)
    assert (world.story_of(reply), world.unlisted) == (None, {comment})
    world.kill(reply)
    check_stories(world)

    world.move(comment, other)

    assert (world.story_of(reply), world.unlisted) == (other, set())
    world.revive(reply)
    assert item(world, other)["descendants"] == 5
    check_stories(world)


def test_moves_to_another_story_take_the_replies_along() -> None:
    """Both stories' `descendants` are right at once."""
    world = front_page(0, 3)
    one, other = world.top
    comment = world.add_comment(one)
    dead = world.add_comment(world.add_comment(comment))
    world.kill(dead)

    world.move(comment, other)

    assert (item(world, one)["kids"], item(world, one)["descendants"]) == ([], 0)
    assert item(world, other)["descendants"] == 3 + 2
    assert item(world, comment)["parent"] == other
    assert world.story_of(dead) == other


def test_lists() -> None:
    """All six are cut and sorted as the real ones."""
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


def test_comments_look_like_those_of_hacker_news() -> None:
    """Half are plain; the others have the few kinds of markup that the site makes."""
    texts = [
        entry["text"]
        for entry in World().items.values()
        if entry and entry.get("by", "") and "parent" in entry
    ]
    plain = [text for text in texts if not set(text) & set("<>&")]

    assert 0.4 < len(plain) / len(texts) < 0.6
    tags = Counter(re.findall(r"<[^>]*?>|&[^;]*;", " ".join(texts)))
    for common in ("<p>", "<i>", "<pre>", "<code>", "&#x27;", "&quot;", "&gt;", "&lt;", "&amp;"):
        assert tags.pop(common) > 20
    links = {tag for tag in tags if tag.startswith("<a ")}
    assert all(
        re.fullmatch(r'<a href="https:(&#x2F;){2}example.com&#x2F;\w+" rel="nofollow">', a)
        for a in links
    )
    assert tags.keys() - links == {"</i>", "</a>", "</pre>", "</code>", "&#x2F;"}


def test_items_are_as_old_as_on_the_front_page() -> None:
    """Posts of the last day, most replies within hours, none before its parent."""
    world = World(now=noon)
    delays = []
    for entry in world.items.values():
        assert entry
        parent = item(world, entry["parent"]) if "parent" in entry else {"time": 0}
        assert parent["time"] <= entry["time"] <= NOON
        if "parent" in entry:
            delays.append(entry["time"] - item(world, world.root(entry["id"]))["time"])
        else:
            assert 3600 <= NOON - entry["time"] <= 24 * 3600

    assert 3600 < median(delays) < 3 * 3600
    assert max(delays) > 10 * 3600


def test_growth_is_written_when_it_was_due() -> None:
    """For any late request; and never before its parent, even if the clock was set back."""
    clock, wall = Clock(1000), Clock(1000)
    world = World(stories=3, rate=60, clock=clock, now=wall)
    known = set(world.items)
    for passing in (clock, wall):
        passing.now += 100.5

    world.catch_up()

    times = [item(world, new)["time"] for new in sorted(set(world.items) - known)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (1001, 1100)
    newest = max(world.items)
    wall.now += 0.5
    assert item(world, world.add_comment(newest))["time"] == 1101
    wall.now = 500
    assert item(world, world.add_comment(newest))["time"] == 1100


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
        for path in (
            "item/3.json",
            f"item/{'9' * 5000}.json",
            "item/x.json",
            "x.json",
            "item/2",
            "user/pg.json",
            "",
        ):
            assert await get(f"{base}/{path}") == (200, "null")
        assert await get(base.replace("v0", "v1/item/2.json")) == (200, "null")


async def test_front_door_says_what_it_is() -> None:
    """In plain text, with addresses that work."""
    async with Simulator(World(stories=3)) as simulator:
        _, text = await get(simulator.url.removesuffix("v0"))
        addresses = re.findall(rf"{simulator.url}/\S+", text)

        assert "3 stories" in text
        assert len(addresses) == 4
        for address in addresses:
            assert json.loads((await get(address))[1])


@pytest.mark.skipif(sys.platform != "linux", reason="others have one loopback address")
async def test_host_is_where_it_listens() -> None:
    """Its address has that host; one with colons stands in brackets."""
    world = thread({1: []})
    async with Simulator(world, host="127.0.0.2") as simulator:
        assert simulator.url == f"http://127.0.0.2:{simulator.port}/v0"
        assert (await get(f"{simulator.url}/maxitem.json"))[0] == 200
    assert Simulator(world, host="::1", port=80).url == "http://[::1]:80/v0"


def taken(limit: Limit, clock: Clock, seconds: float, *, step: float = 0.01) -> int:
    """Return how many requests are let in, if one comes at each *step*."""
    let_in = 0
    for _ in range(round(seconds / step)):
        let_in += limit.take() == 0
        clock.now += step
    return let_in


def test_limit_is_a_bucket_that_fills() -> None:
    """A burst at first, then the rate; a client that waits as long as it is told gets in."""
    clock = Clock(1000)
    limit = Limit(20, burst=5, clock=clock)

    assert [limit.take() for _ in range(5)] == [0] * 5
    wait = limit.take()
    assert wait == pytest.approx(1 / 20)
    clock.now += wait
    assert limit.take() == 0
    assert taken(limit, clock, 10) == pytest.approx(200, abs=2)
    limit.rate = 10
    assert taken(limit, clock, 10) == pytest.approx(100, abs=6)
    clock.now += 1000
    assert taken(limit, clock, 1) == pytest.approx(15, abs=1)


def test_burst_is_as_large_as_the_rate_and_at_least_one() -> None:
    """If no burst is set."""
    for rate, burst in ((20, 20), (0.1, 1)):
        limit = Limit(rate, clock=Clock(1000))
        assert sum(limit.take() == 0 for _ in range(50)) == burst


def test_limit_counts_in_windows() -> None:
    """Each window has the same number, early or late in it."""
    clock = Clock(1000)
    limit = Limit(6, window=60, clock=clock)

    assert [limit.take() == 0 for _ in range(8)] == [True] * 6 + [False] * 2
    clock.now += 59
    assert limit.take() == pytest.approx(1)
    clock.now += 1
    assert [limit.take() == 0 for _ in range(8)] == [True] * 6 + [False] * 2


@pytest.mark.parametrize(
    ("retry_after", "said"), [("right", "31"), ("none", None), ("0", "0"), ("absurd", "1000000")]
)
def test_retry_after(retry_after: str, said: str | None) -> None:
    """Whole seconds, or nothing, or nonsense."""
    assert Limit(1, retry_after=retry_after).headers(30.2).get("Retry-After") == said


@pytest.mark.parametrize("status", STATUSES)
async def test_too_many_requests_are_refused(status: int) -> None:
    """Each is counted."""
    limit = Limit(2, window=1000, status=status)
    async with Simulator(thread({1: []}), limit=limit) as simulator:
        answers = [await get(f"{simulator.url}/item/1.json") for _ in range(5)]

        assert [answer[0] for answer in answers] == [200] * 2 + [status] * 3
        assert json.loads(answers[-1][1]) == {"error": "too many requests"}
        assert (simulator.requests, simulator.refused) == (5, 3)


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults(fault: str) -> None:
    """Each spoils as many answers as it should, and then no more."""
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
            # aiohttp itself sends a request again if a kept connection was dropped.
            assert fault == "drop" or (status, text) == expected.get(
                fault, (int(fault) if fault.isdecimal() else 0, f'{{"error": "{fault}"}}')
            )

        assert (await get(url))[0] == 200
        await eventually(lambda: simulator.in_flight == 0)


async def test_random_faults_come_as_often_as_asked_for() -> None:
    """The seed decides which, for any path."""
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
        (["--host", "256.1.1.1", "--port", "0"], "256.1.1.1 port 0"),
        (["--lag", "-1"], "'-1'"),
        (["--updates", "few"], "'few'"),
        (["--allow", "0"], "'0'"),
        (["--allow", "5/"], "''"),
        (["--allow", "5/0"], "'0'"),
        (["--allow", "x/5"], "'x'"),
        (["--burst", "5"], "need --allow"),
        (["--retry-after", "0"], "need --allow"),
        (["--allow", "5/10", "--burst", "5"], "--burst"),
        (["--allow", "5", "--refuse-with", "500"], "500"),
        (["nonsense"], "nonsense"),
    ],
)
def test_mistakes(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a sentence that names the input."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hn-comments-simulator: error: ")
    assert named in line


@pytest.mark.parametrize("content", ["[]", '{"top": 1, "items": []}', '{"items": {}}', "{"])
def test_files_that_hold_no_trees(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any other JSON is refused."""
    file = tmp_path / "data.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(SystemExit):
        main(["--data", str(file)])

    assert f"argument --data: cannot use {str(file)!r}" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
async def test_command_serves_until_it_is_stopped() -> None:
    """It prints its address, and at the end the requests; every option works."""
    options = shlex.split(
        "--port 0 --stories 3 --rate 600 --lag 1 --flap --updates 0 --latency 0.01"
        " --fault slow=0.01 --allow 1/1000 --refuse-with 503 --retry-after absurd"
    )
    async with started(*SIMULATOR, *options) as process, asyncio.timeout(DEADLINE):
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        assert line.startswith("Serving http://127.0.0.1:")
        url = line.split()[1]
        assert [(await get(f"{url}/maxitem.json"))[0] for _ in range(3)] == [200, 503, 503]
        port = url.split(":")[2].split("/")[0]
        taken, _, refusal = await run(*SIMULATOR, "--port", port)
        process.send_signal(signal.SIGTERM)
        code, _, stderr = await outcome(process)

    assert (taken, code) == (2, 0)
    assert refusal.startswith("hn-comments-simulator: error: cannot serve on 127.0.0.1 port ")
    assert refusal.count("\n") == 1
    assert stderr == "Served 3 requests, 2 of them refused\n"
