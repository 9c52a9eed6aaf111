"""What the live table knows."""

import dataclasses

import pytest

from hn_comments import PollReport
from hn_comments.models import Progress
from hn_comments.output.board import MAX_COMMENTS, SORTS, Board

from .reports import comment, partial, post, report, titled
from .support import Clock


def board(*reports: PollReport) -> Board:
    """Return a board that took *reports*."""
    known = Board(Clock())
    for one in reports:
        known.take(one)
    return known


def walk(*stories: int, seconds: float = 5.0) -> Progress:
    """Return how far a poll is that has read *stories*, and counted the first."""
    return Progress(
        poll=1, posts=5, posts_done=1, comments=10, expected=40, fetches=9, seconds=seconds,
        stories=(*map(post, stories[:1]), *(post(n, None, error=None) for n in stories[1:])),
    )  # fmt: skip


def test_new_comments_add_up_while_the_table_is_open() -> None:
    """What was new five seconds ago is new to whoever looks now."""
    known = board(report(post(1, new=None)), report(post(1, new=5)), report(post(1, new=2)))

    assert known.fresh == {1: 7}


def test_what_left_the_list_is_forgotten() -> None:
    """A week's watching does not grow; of one story the last comments are kept."""
    known = board(report(post(1), post(2, rank=4), comments=(comment(51, "x"),) * 99))
    known.take(report(post(2, rank=2), post(1)))
    assert known.fresh.keys() == {1, 2}
    assert known.moves.keys() == {2}
    assert len(known.comments[1]) == MAX_COMMENTS

    known.take(report(post(3)))

    assert known.fresh.keys() == {3}
    assert not known.moves
    assert not known.comments


@pytest.mark.parametrize(
    ("second", "news"),
    [
        (report(post(1), post(2)), False),
        (report(post(1), post(2), seconds=9.0, fetches=99), False),
        (report(post(1), post(2, 31, new=1)), True),
        (report(post(2, rank=1), post(1, rank=2)), True),
        (report(post(1), partial(2, 30)), True),
        (report(post(1), post(2), error="HTTP 500"), True),
        (report(failed=True), True),
    ],
)
def test_a_poll_is_news_where_anything_but_its_cost_changed(
    second: PollReport,
    news: bool,  # noqa: FBT001
) -> None:
    """What is no news is not drawn."""
    known = board(report(post(1), post(2)))

    assert known.take(second) is news


def test_a_warning_is_gone_with_the_next_poll_and_that_is_news() -> None:
    """It is to vanish from the screen."""
    known = board(report(post(1)))
    known.warnings.append("Skipped 5")

    assert known.take(report(post(1)))
    assert not known.errors


def test_polls_that_fail_leave_the_stories() -> None:
    """Old rows are better than none; since when there is no answer is remembered."""
    clock = Clock(now=1000)
    known = Board(clock)
    known.take(report(post(1)))
    clock.now += 5

    known.take(report(failed=True, error="HTTP 500"))
    known.look(walk())
    known.take(report(post(1, None)))

    assert known.failing
    assert known.stories == (post(1),)
    assert known.taken == 1000
    known.take(report(post(1)))
    assert not known.failing
    assert known.taken == 1005


def test_the_first_poll_shows_its_stories_while_it_runs() -> None:
    """As far as they are read; later ones have a report to show."""
    known = board()

    assert known.look(walk(1, 2))
    assert [story.unfinished for story in known.stories] == [False, True]
    assert not known.look(walk(1, 2))
    assert known.look(walk(1, 2, 3))

    known.take(report(failed=True))
    assert known.look(walk(1, 2))
    assert [story.id for story in known.stories] == [1, 2]
    known.take(report(post(7)))
    assert known.look(walk(1, 2))
    assert [story.id for story in known.stories] == [7]


def test_a_short_poll_says_nothing_of_its_progress() -> None:
    """It is over before anybody has read that."""
    known = board(report(post(7)))

    assert not known.look(walk(1, seconds=0.9))
    assert known.progress is None
    assert known.look(walk(1))
    assert known.look(None)
    assert known.progress is None


def test_sorting_goes_through_all_columns_and_comes_back() -> None:
    """What has most stands first; equals keep the order of their ranks."""
    known = board(report(post(1, 30, new=1), post(2, 50), post(3, 40, new=9, last_hour=20)))
    orders = {}
    for _ in range(len(SORTS) + 1):
        orders[known.sort] = [story.id for story in known.shown]
        known.sort_next()

    assert orders == {
        "rank": [1, 2, 3],
        "new": [3, 1, 2],
        "last hour": [3, 1, 2],
        "comments": [2, 3, 1],
        "age": [1, 2, 3],
    }


def test_the_filter_wants_all_its_words_in_the_title() -> None:
    """In any case and order; without words all are shown."""
    titles = ("Rust in Python", "PYTHON and rust", "Rust", "Straße")
    known = board(report(*(titled(n, title) for n, title in enumerate(titles, 1))))

    known.find("python rus")
    assert [story.id for story in known.shown] == [1, 2]
    known.find("STRASSE")
    assert [story.id for story in known.shown] == [4]
    known.find("nothing like that")
    assert known.shown == []
    assert known.chosen_story is None
    known.find(" ")
    assert len(known.shown) == 4


def test_the_chosen_story_stays_chosen_wherever_it_moves() -> None:
    """One that left is let go, and steps end at both ends."""
    stories = [post(number) for number in range(1, 31)]
    known = board(report(*stories))
    known.choose(25)
    assert known.place == 25

    moved = [dataclasses.replace(story, rank=31 - story.id) for story in stories]
    known.take(report(*moved))
    assert (known.chosen, known.place) == (26, 4)

    known.choose(-1000)
    assert known.place == 0
    known.choose(1000)
    assert known.place == 29
    known.take(report(post(8), post(9)))
    assert known.chosen_story == post(8)


def test_until_one_is_chosen_the_first_story_is() -> None:
    """Whatever stands first; but what was opened stays open."""
    known = board(report(post(1), post(2)))
    known.take(report(post(2, rank=1), post(1, rank=2)))
    assert known.chosen_story == post(2, rank=1)

    known.toggle("comments")
    known.take(report(post(1), post(2)))

    assert known.chosen_story == post(2)
    assert known.pane == "comments"
    known.toggle("help")
    assert known.pane == "help"
    known.toggle("help")
    assert known.pane == ""


def test_nothing_can_be_chosen_from_nothing() -> None:
    """Keys before the first report do no harm."""
    known = board()

    known.choose(1)
    known.toggle("comments")

    assert known.chosen_story is None
