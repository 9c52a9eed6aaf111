"""
What a poll has to tell: new comments, also those of earlier runs, and thresholds reached.
"""

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .api import URLFetcher
from .errors import UNREADABLE
from .events import Troubles
from .memory import Memory, Untold
from .models import Comment, Item, Notice, PollReport, PostReport, State
from .posts import Post
from .settings import Settings
from .tasks import gather_or_stop


# A comment that an earlier run did not tell, and who is to hear of it.
Earlier = tuple[Comment, Untold]


async def read_untold(fetcher: URLFetcher, memory: Memory) -> list[Earlier]:
    """
    Return the new comments that an earlier run found and did not tell, as far as they are live.
    """
    tasks = [asyncio.create_task(_read(fetcher, item_id)) for item_id in memory.untold]
    # Only now: a poll that ends before has told none of them.
    found = [_take(memory, item) for item in await gather_or_stop(tasks) if item is not None]
    return [earlier for earlier in found if earlier is not None]


async def _read(fetcher: URLFetcher, item_id: int) -> Item | None:
    """
    Return a comment, deleted where the API has none; None if it cannot be read.
    """
    try:
        return await fetcher.fetch_item(item_id) or Item(id=item_id, deleted=True)
    except UNREADABLE:
        return None  # The next poll tries again.


def _take(memory: Memory, item: Item) -> Earlier | None:
    """
    Take a comment out of what is untold; return it if it is live.
    """
    untold = memory.untold.pop(item.id)
    if item.state is not State.LIVE:
        memory.gone.add(item.id)
        return None
    post = memory.discussions.get(untold.story)
    title = post.item.title if post and post.item else None
    comment = Comment(item=item, story=untold.story, title=title, parent_by=None, new=False)
    return comment, untold


async def read_last(fetcher: URLFetcher, posts: Iterable[Post], number: int) -> list[Comment]:
    """
    Return the latest comments below *posts*, so many in all, as far as they can be read.
    """
    comments = [(item_id, post) for post in posts for item_id in post.discussion.tree.live()]
    latest = heapq.nlargest(number, comments, key=lambda comment: comment[0])
    tasks = [asyncio.create_task(_describe(fetcher, *comment)) for comment in latest]
    return [comment for comment in await gather_or_stop(tasks) if comment is not None]


async def _describe(fetcher: URLFetcher, item_id: int, post: Post) -> Comment | None:
    try:
        item = await fetcher.fetch_item(item_id)
    except UNREADABLE:
        return None
    return replace(post.describe(item), new=False) if item else None


def sort_comments(comments: Iterable[Comment]) -> tuple[Comment, ...]:
    """
    Return *comments*, each once, the oldest first.
    """
    # A post can be a comment below another post: both find the same new comments.
    found: dict[int, Comment] = {}
    for comment in comments:
        found.setdefault(comment.item.id, comment)
    return tuple(found[item_id] for item_id in sorted(found))


def judge_posts(
    posts: Iterable[PostReport], memory: Memory, settings: Settings
) -> list[PostReport]:
    """
    Return *posts* with what is new in them, and note as told those that are to be.
    """
    stories = [memory.told.judge(post, settings) for post in posts]
    for story in stories:
        if story.shown:
            memory.told.note(story, least=2 * len(memory.discussions))
    return stories


def find_crossings(report: PollReport, memory: Memory, settings: Settings) -> PollReport:
    """
    Return *report* with the thresholds that its posts have reached.
    """
    known = [story.id for story in report.stories if story.new is not None]
    crossings = memory.crossings.judge(report.stories, settings.threshold, known=known)
    return replace(report, crossings=tuple(crossings))


def make_notice(
    report: PollReport, memory: Memory, earlier: Sequence[Earlier], settings: Settings
) -> Notice:
    """
    Return what receivers are to be told of *report*, and of earlier runs.
    """
    unsent, memory.unsent[:] = [*memory.unsent], []
    comments = [comment for comment, untold in earlier if untold.receivers]
    comments += [comment for comment in report.comments if comment.new]
    return Notice(
        time=report.started,
        crossings=(*unsent, *report.crossings),
        # The live table has them anyway.
        comments=sort_comments(comments) if settings.comments else (),
    )


def note_disputes(report: PollReport, troubles: Troubles) -> None:
    """
    Note the posts of which Hacker News' own number is not what was counted.
    """
    for story in report.stories:
        if story.disputed and story.count and story.item:
            live, descendants = story.count.live, story.item.descendants
            reason = f"counted {live} live comments, Hacker News says {descendants}"
            troubles.note("descendants", reason, subject=story.id)
        # A count that is not exact ends no dispute: it cannot be compared.
        elif story.status == "exact":
            troubles.end("descendants", story.id)
