"""What is remembered, where answers arrive in another order than they were asked for."""

import pytest

from hn_comments import Count, Item
from hn_comments.cache import Cache

from .support import Clock


STORY, PARENT, REPLY, NEWCOMER = 1, 2, 3, 4


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    """A story with a comment that has a reply, all known, asked for at 1000 seconds."""
    cache = Cache(clock)
    remember(cache, STORY, (PARENT,), parent=0, asked_at=1000)
    remember(cache, PARENT, (REPLY,), parent=STORY, asked_at=1000)
    remember(cache, REPLY, (), parent=PARENT, asked_at=1000)
    settle(cache)
    return cache


def remember(
    cache: Cache, item_id: int, kids: tuple[int, ...], *, parent: int, asked_at: float
) -> None:
    cache.remember(item_id, Item(id=item_id, kids=kids), parent=parent, asked_at=asked_at)


def settle(cache: Cache) -> None:
    """Do what a walk does on its way up; it has read the story again if that was stale."""
    cache.items[STORY].stale = False
    cache.settle(PARENT)
    cache.settle(STORY)


def below(cache: Cache) -> Count | None:
    return cache.items[STORY].below


def test_known_tree_has_a_total(cache: Cache) -> None:
    """It answers at once."""
    assert below(cache) == Count(live=2)
    assert cache.total(PARENT) == Count(live=2)


def test_answer_that_was_overtaken_changes_nothing(cache: Cache) -> None:
    """Asked for earlier, arrived later: what is known is newer."""
    remember(cache, PARENT, (), parent=STORY, asked_at=999)

    assert cache.items[PARENT].kids == (REPLY,)
    assert below(cache) == Count(live=2)


def test_newcomer_is_not_lost_to_an_older_answer(cache: Cache, clock: Clock) -> None:
    """Its parent was asked for before it was written, and answers after it joined."""
    clock.now = 1020
    cache.join(Item(id=NEWCOMER, parent=PARENT), asked_at=1019)
    remember(cache, PARENT, (REPLY,), parent=STORY, asked_at=1010)
    settle(cache)

    assert below(cache) == Count(live=3)


def test_newcomer_waits_for_a_parent_that_is_not_known_yet(cache: Cache, clock: Clock) -> None:
    """The first walk is still on its way to the parent."""
    unknown = 10
    clock.now = 1020
    assert not cache.join(Item(id=NEWCOMER, parent=unknown), asked_at=1019)

    remember(cache, unknown, (), parent=STORY, asked_at=1010)

    assert cache.items[unknown].kids == (NEWCOMER,)


def test_newcomer_that_is_gone_again_stays_gone(cache: Cache, clock: Clock) -> None:
    """A parent that is asked for after it joined knows better."""
    clock.now = 1020
    cache.join(Item(id=NEWCOMER, parent=PARENT), asked_at=1019)
    remember(cache, PARENT, (REPLY,), parent=STORY, asked_at=1021)
    settle(cache)

    assert below(cache) == Count(live=2)


def test_item_can_be_stale_when_it_arrives(cache: Cache) -> None:
    """`updates` named it after it was asked for; no total may rest on it."""
    cache.updated = {REPLY: 1020}
    cache.mark_stale(REPLY)
    remember(cache, REPLY, (), parent=PARENT, asked_at=1010)
    settle(cache)

    assert cache.items[REPLY].stale
    assert below(cache) is None


def test_change_takes_the_totals_of_all_ancestors_away(cache: Cache) -> None:
    """And of nothing else."""
    remember(cache, REPLY, (NEWCOMER,), parent=PARENT, asked_at=1010)

    assert below(cache) is None
    assert cache.total(PARENT) is None
    settle(cache)
    assert below(cache) is None
    remember(cache, NEWCOMER, (), parent=REPLY, asked_at=1010)
    cache.settle(REPLY)
    settle(cache)
    assert below(cache) == Count(live=3)


def test_newcomers_are_forgotten_in_the_end(cache: Cache, clock: Clock) -> None:
    """No answer is on its way for ten minutes."""
    cache.join(Item(id=NEWCOMER, parent=PARENT), asked_at=1000)
    clock.now += 1000

    cache.keep([])

    assert not cache.newcomers
