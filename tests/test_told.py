"""What was last told of a post, and what is news after that."""

from typing import Any

import pytest

from hn_comments import Count, Settings
from hn_comments.memory.told import MAX_TOLD, MAX_TOLD_COMMENTS, ToldComments, ToldPosts

from .reports import comment, partial, post


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, [True, True, True, True, True, True]),
        ({"changes_only": True}, [True, False, True, True, True, False]),
        ({"min_new": 3}, [True, False, False, True, True, False]),
    ],
)
def test_posts_without_news_are_left_out(settings: dict[str, Any], shown: list[bool]) -> None:
    """New comments add up until they are told; a count that stays inexact is said once."""
    told, found = ToldPosts(), []
    for comments, unread in ((5, 0), (5, 0), (6, 0), (9, 0), (9, 1), (9, 0)):
        count = Count(live=comments, unread=unread)
        story = told.judge(post(1, count=count, new=None), Settings(**settings))
        found.append(story.shown)
        if story.shown:
            told.note(story)

    assert found == shown


def test_what_was_told_of_thousands_of_posts() -> None:
    """However many there are in a poll, each has a last count in the next; but not for ever."""
    told = ToldPosts()
    posts = [post(number, new=None) for number in range(2 * MAX_TOLD)]
    for story in posts:
        told.note(story, least=len(posts))
    assert {told.judge(story, Settings()).new for story in posts} == {0}

    told.note(posts[0])
    assert len(told) == MAX_TOLD


def test_new_is_counted_from_the_last_exact_count() -> None:
    """A lower bound in between changes nothing, nor does a post that could not be read."""
    told = ToldPosts()
    for story in (post(1, 5), partial(1, 7), post(1, None)):
        told.note(told.judge(story, Settings()))

    assert told.judge(post(1, 9), Settings()).new == 4
    assert told.judge(post(2, 9, new=None), Settings()).new is None


@pytest.mark.parametrize(("comments", "shown"), [(2, False), (3, True), (0, False)])
def test_first_count_is_news_if_it_is_large_enough(comments: int, *, shown: bool) -> None:
    """With --min-new; all that a new post has is new."""
    story = post(1, comments, new=None)

    assert ToldPosts().judge(story, Settings(min_new=3)).shown is shown
    assert ToldPosts().judge(story, Settings(changes_only=True)).shown


def test_failure_of_a_post_is_said_once() -> None:
    """And again when it is another one."""
    told, shown = ToldPosts(), []
    for story in (post(1, None), post(1, None), partial(1, 7), partial(1, 8), post(1, None)):
        judged = told.judge(story, Settings(changes_only=True))
        shown.append(judged.shown)
        told.note(judged)

    assert shown == [True, False, True, False, True]


def test_told_comments_are_remembered_and_not_for_ever() -> None:
    """Each is news once, also if two posts have it; the first ones are forgotten first."""
    told, one, other = ToldComments(), comment(1, "One"), comment(2, "Other")
    news = [told.take_news([one, other, comment(1, "One", story=7)]) for _ in range(2)]
    told.note(range(3, MAX_TOLD_COMMENTS + 2))

    assert news == [[one, other], []]
    assert len(told) == MAX_TOLD_COMMENTS
    assert told.take_news([one, other]) == [one]
