"""Which thresholds a post has reached: each is told once."""

import pytest

from hn_comments import PostReport
from hn_comments.memory import Crossings
from hn_comments.memory.crossings import MAX_REACHED

from .reports import partial, post


def judge(crossings: Crossings, story: PostReport, *thresholds: str) -> list[str]:
    """Return the thresholds that a post has reached now."""
    return [crossing.threshold for crossing in crossings.judge([story], thresholds, known=())]


def test_number_of_comments_is_reached_once() -> None:
    """Whether or not it falls again."""
    crossings = Crossings()
    found = [judge(crossings, post(1, comments), "10") for comments in (9, 10, 11, 2, 10)]

    assert found == [[], ["10"], [], [], []]
    assert judge(crossings, post(2, 10), "10") == ["10"]


def test_each_threshold_is_reached_by_itself() -> None:
    """One of comments, and one of comments in an hour."""
    crossings = Crossings()

    (first, second) = crossings.judge(
        [post(7, 40, last_hour=5)], ("40", "41", "5/h", "6/h"), known=()
    )

    assert (first.threshold, second.threshold) == ("40", "5/h")
    assert (first.story, first.comments, first.last_hour) == (7, 40, 5)
    assert first.title == "Title 7"


def test_number_in_an_hour_is_reached_again_after_it_fell_below_half() -> None:
    """The half itself is not below; and a lower bound may be more."""
    crossings = Crossings()
    stories = [
        *(post(1, last_hour=number) for number in (10, 5, 10)),
        partial(1, 30, last_hour=4),
        *(post(1, last_hour=number) for number in (10, 4)),
    ]

    found = [judge(crossings, story, "10/h") for story in stories]

    assert found == [["10/h"], [], [], [], [], []]
    assert crossings.rearmed == {(1, "10/h")}
    assert judge(crossings, post(1, last_hour=10), "10/h") == ["10/h"]
    assert crossings.rearmed == set()


def test_post_that_could_not_be_read_has_reached_nothing() -> None:
    """Nor is anything forgotten."""
    crossings = Crossings()
    unread = post(1, None, last_hour=None, item=None)

    assert judge(crossings, unread, "0", "0/h") == []
    assert judge(crossings, post(1, 10, item=None), "10") == ["10"]
    assert judge(crossings, unread, "10") == []
    assert judge(crossings, post(1, 10), "10") == []


@pytest.mark.parametrize("known", [(), (1,)])
def test_what_stood_above_a_new_threshold_is_no_news(known: tuple[int, ...]) -> None:
    """Where an earlier run knew the post; in the first poll only."""
    crossings = Crossings()
    crossings.added.add("10")

    told = [*crossings.judge([post(1, 20)], ("10",), known=known)]

    assert len(told) + len(crossings.silent) == 1
    assert bool(crossings.silent) == bool(known)
    assert not crossings.added
    assert [*crossings.judge([post(2, 20)], ("10",), known=(2,))] != []


def test_weeks_are_remembered_and_not_for_ever() -> None:
    """The first ones are forgotten first."""
    crossings = Crossings()
    for number in range(MAX_REACHED + 1):
        crossings.note((number, "10"))

    assert len(crossings.reached) == MAX_REACHED
    assert judge(crossings, post(0, 10), "10") == ["10"]
    assert judge(crossings, post(5, 10), "10") == []
