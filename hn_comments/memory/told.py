"""
What was last told of each post, which count and whether it was exact; and which new comments.

`new` is counted from there, and a post whose line is left out is not told by that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..models import Comment, PostReport, Status
from ..settings import Settings


# Posts that are remembered at least: many times what a front page shows in a day.
MAX_TOLD = 5000

# New comments that are remembered as told: those of a day below a front page.
MAX_TOLD_COMMENTS = 5000


class Told(NamedTuple):
    """
    The last exact count that was told, if one was, and the *status* of the last line.
    """

    comments: int | None
    status: Status


@dataclass(slots=True)
class Untold:
    """
    A new comment of a *story* that an earlier run did not tell the reader, or the receivers.
    """

    story: int
    reader: bool = False
    receivers: bool = False


class ToldPosts(dict[int, Told]):
    """
    What was last told, by the ids of the posts.
    """

    def judge(self, story: PostReport, settings: Settings) -> PostReport:
        """
        Return *story* with what is new since it was told, and whether that is to be told now.
        """
        told, comments = self.get(story.id), story.exact_comments
        if comments is not None and told is not None and told.comments is not None:
            story = replace(story, new=comments - told.comments)
        return replace(story, shown=self._is_news(story, settings))

    def _is_news(self, story: PostReport, settings: Settings) -> bool:
        if not settings.leaves_out:
            return True
        told = self.get(story.id)
        if story.exact_comments is None:
            # A count that stays inexact is said once.
            return told is None or told.status != story.status
        new = story.exact_comments if story.new is None else story.new
        if settings.min_new:
            return new >= settings.min_new
        return new != 0 or story.new is None

    def note(self, story: PostReport, *, least: int = 0) -> None:
        """
        Note that *story* is told, and keep that of at least so many posts.
        """
        told, comments = self.pop(story.id, None), story.exact_comments
        if comments is None and told is not None:
            comments = told.comments
        self[story.id] = Told(comments, story.status)
        while len(self) > max(MAX_TOLD, least):
            del self[next(iter(self))]


class ToldComments(dict[int, None]):
    """
    The ids of the new comments that were told, the last ones at the end.

    A comment that moves to another post is new there, and a part of what its count has grown by;
    but it is no news.
    """

    def take_news(self, comments: Iterable[Comment]) -> list[Comment]:
        """
        Return those of *comments* that were not told, and note that they are.
        """
        news: dict[int, Comment] = {}
        for comment in comments:
            if comment.item.id not in self:
                news.setdefault(comment.item.id, comment)
        self.note(news)
        return [*news.values()]

    def note(self, ids: Iterable[int]) -> None:
        """
        Note that comments were told.
        """
        self.update(dict.fromkeys(ids))
        while len(self) > MAX_TOLD_COMMENTS:
            del self[next(iter(self))]
