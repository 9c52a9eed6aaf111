"""New ids that cannot be read yet: when they are asked for, and at what cost."""

from hn_comments.memory import Memory
from hn_comments.memory.pending import GIVEN_UP, PENDING_MEMORY, Pending

from .support import client, front_page
from .test_changes import Watcher, watching


def test_id_is_asked_for_when_its_time_comes() -> None:
    """At once, then a second after the first answer."""
    pending = Pending()
    pending.add([7])
    assert pending.due(100) == {7}

    pending.postpone(7, None, now=100)

    assert pending.due(100.9) == set()
    assert pending.due(101) == {7}


def test_id_is_given_up_after_a_while() -> None:
    """It is asked for no more, until something hints at it; then once."""
    pending, asked = Pending(), []
    pending.add([7])
    now = 0.0
    while pending.due(now):
        asked.append(now)
        if not pending.postpone(7, None, now=now):
            break
        now = pending.waits[7].due

    assert asked[:4] == [0, 1, 2, 4]
    assert asked[-2] <= PENDING_MEMORY < asked[-1]
    assert pending.due(now + 1e6) == set()
    assert 7 in pending
    pending.hurry(7)
    assert pending.due(now) == {7}
    assert pending.postpone(7, None, now=now)
    assert pending.due(now + 1e6) == set()


def test_ids_that_were_given_up_are_remembered_and_not_for_ever() -> None:
    """The first ones are forgotten first."""
    pending, ids = Pending(), range(1, GIVEN_UP + 2)
    pending.add(ids)
    for item_id in ids:
        pending.postpone(item_id, None, now=1.0)
        pending.postpone(item_id, None, now=2.0 + PENDING_MEMORY)

    assert len(pending.given_up) == GIVEN_UP
    assert 1 not in pending
    assert GIVEN_UP + 1 in pending


def test_ids_above_the_largest_are_forgotten() -> None:
    """There are none, whether they were given up or not."""
    pending = Pending()
    pending.add([5, 6, 7])
    for now in (1.0, 2.0 + PENDING_MEMORY):
        pending.postpone(7, None, now=now)

    pending.drop_above(5)

    assert [item_id in pending for item_id in (5, 6, 7)] == [True, False, False]


def test_ids_of_another_world_are_forgotten() -> None:
    """There they belong to other items, if to any."""
    memory = Memory()
    memory.pending.add([7])

    memory.forget_world()

    assert 7 not in memory.pending


async def break_new_comment(watcher: Watcher, fault: str) -> int:
    """Add a comment that cannot be read, and of which nothing else tells."""
    world = watcher.world
    comment = world.add_comment(world.top[0])
    world.updates.clear()
    watcher.simulator.fail(f"item/{comment}", fault)
    return comment


async def test_id_that_failed_gets_one_try_in_the_next_poll() -> None:
    """The first poll has tried it again and again."""
    async with client(front_page(10), retries=2) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        await watcher.poll()
        await break_new_comment(watcher, "garbage")

        costs = [(await watcher.poll(seconds=5)).fetches for _ in range(2)]

    assert costs == [3 + 3, 3 + 1]


async def test_id_that_fails_for_ever_has_the_posts_read() -> None:
    """It may be a comment of any post; their own numbers tell."""
    async with watching(front_page(10, 10)) as watcher:
        await break_new_comment(watcher, "500")

        reports = [await watcher.poll(seconds=50) for _ in range(3)]

    assert [report.status for report in reports[:2]] == ["partial", "partial"]
    # The id, both posts, and the comment that one of them lists.
    assert reports[2].fetches == 3 + 1 + 2 + 1
    assert reports[2].status == "partial"


async def test_given_up_id_is_asked_for_once_for_each_hint() -> None:
    """It is still null, so it stays given up."""
    world = front_page(10)
    async with watching(world) as watcher:
        watcher.world.next_id += 1
        for _ in range(5):
            await watcher.poll(seconds=50)
        world.touch(largest := world.next_id - 1)

        costs = [(await watcher.poll(seconds=5)).fetches for _ in range(5)]

    assert world.items.get(largest) is None
    # At once, and ten seconds later, as of any item that `updates` names.
    assert costs == [4, 3, 4, 3, 3]
