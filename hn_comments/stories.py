"""
One poll: the story list, the first N of it, each counted under the error policy.

What the poll found is published when it ends, whatever ends it: success, a failure, the
poll timeout, or a cancellation from outside. Unfinished posts are then lower bounds.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import async_timeout

from .api import URLFetcher, parse_ids
from .errors import HNCommentsError, MalformedItem, PollFailed
from .memory import POST_MEMORY, Discussion, Found, Memory, ask, choose_old, find_changes
from .models import Comment, PollReport, PostReport, Progress, Settings
from .posts import Post
from .tasks import gather_or_stop


# A type checker takes this for typing.TYPE_CHECKING: sqlite3 is imported by who needs it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .history import History


# The share of what is left that must have been read before its time is guessed: what the first
# requests take says little of the rest.
ENOUGH_TO_GUESS = 1 / 50


class Poll:
    """
    One poll, number *number*, before which *skipped* ticks were skipped.
    """

    def __init__(
        self,
        fetcher: URLFetcher,
        settings: Settings,
        *,
        memory: Memory,
        number: int,
        skipped: int = 0,
        history: "History | None" = None,
    ) -> None:
        self.fetcher = fetcher
        self.settings = settings
        self.counts = memory
        self.history = history
        # Whoever walks everything each time, or polls once and for all, needs no memory.
        self.remembers = not settings.full_walk and (settings.polls != 1 or history is not None)
        self.memory = memory if self.remembers else Memory(memory.clock)
        self.number = number
        self.skipped = skipped
        # In the order of the list; None until there is a list.
        self.posts: list[Post] | None = None
        self.found = Found("full")
        # When its turn came, and when it began to count, by the loop's clock.
        self.start: float | None = None
        self.counting_since: float | None = None

    async def run(self, publish: Callable[[PollReport], None]) -> None:
        """
        Count every post, then hand the report to *publish*, even when cancelled.

        A poll that remembers waits for its turn first; its time starts then.

        Raises:
            PollFailed: if the report's status is "failed".
        """
        async with self.memory.turn if self.remembers else contextlib.nullcontext():
            report = await self._run(publish)
        if report.status == "failed":
            raise PollFailed(report.errors[0])

    async def _run(self, publish: Callable[[PollReport], None]) -> PollReport:
        started = datetime.now(UTC)
        start = self.start = asyncio.get_running_loop().time()
        error: str | None = "interrupted"
        failed = False
        try:
            async with async_timeout.timeout(self.settings.poll_timeout):
                await self._count_posts()
            error = None
        except TimeoutError:
            error = f"the poll did not end within {self.settings.poll_timeout:g} seconds"
        except HNCommentsError as exc:
            error = str(exc)
            failed = isinstance(exc, PollFailed)
        finally:
            seconds = asyncio.get_running_loop().time() - start
            report = report_poll(self, error, failed=failed, started=started, seconds=seconds)
            try:
                if self.history is not None:
                    await self.history.save(report, self.memory if self.remembers else None)
            finally:
                publish(report)
        return report

    async def _count_posts(self) -> None:
        """
        Count all posts concurrently; the first error that leaves one ends the poll.
        """
        discussions = await self._look_around()
        self.counting_since = asyncio.get_running_loop().time()
        upto = self.memory.maxitem or 0
        old = choose_old(self.memory, discussions, self.settings.refresh) if self.remembers else ()
        await gather_or_stop(
            [
                asyncio.create_task(
                    post.count(self.found, upto=upto, old=post.id in old),
                    name=f"poll {self.number} post {post.id}",
                )
                for post in self.posts or ()
            ]
        )

    async def _look_around(self) -> Sequence[Discussion]:
        """
        Return what is known of the posts, having found out meanwhile what changed.
        """
        if not self.remembers:
            return await self._open(await self._fetch_ids())
        ids_task = asyncio.create_task(self._fetch_ids())
        hints_task = asyncio.create_task(ask(self.fetcher, self.memory))
        await gather_or_stop([ids_task, hints_task])
        discussions = await self._open(ids_task.result())
        self.found = await find_changes(self.memory, self.fetcher, hints_task.result(), discussions)
        if self.found.reason and self.settings.on_error == "cancel":
            raise PollFailed(self.found.reason)
        return discussions

    async def _fetch_ids(self) -> Sequence[int]:
        """
        Return the ids of the posts to count, each once.
        """
        if self.settings.posts:
            return self.settings.posts
        path = f"{self.settings.stories}stories.json"
        answer = await self.fetcher.fetch(path)
        if answer is None:
            # What the real API says to a path that it does not know.
            url = self.settings.api_url
            raise MalformedItem(path, f"the answer of {url} is null: is the /v0 missing?")
        ids = parse_ids(path, answer)
        return list(dict.fromkeys(ids))[: self.settings.limit]

    async def _open(self, ids: Sequence[int]) -> Sequence[Discussion]:
        """
        Take the posts of the list, and those that left it but are still followed.
        """
        if self.history is not None:
            await self.history.recall(
                self.counts, ids, trees=self.remembers, follow=self.settings.follow
            )
        listed = [self.memory.discussion(post_id) for post_id in ids]
        for discussion in listed:
            discussion.listed_at = self.memory.clock()
        self.memory.forget(keep=max(POST_MEMORY, self.settings.follow))
        followed = self.memory.followed(self.settings.follow, besides=ids)
        ranked = [*enumerate(listed, start=1), *((None, discussion) for discussion in followed)]
        self.posts = [
            Post(self.fetcher, discussion, self.settings, rank=rank) for rank, discussion in ranked
        ]
        return [*listed, *followed]


def measure_progress(poll: Poll) -> Progress | None:
    """
    Return how far a poll has come, if it is its turn.
    """
    if poll.start is None:
        return None
    posts = poll.posts or []
    opened = [post for post in posts if post.discussion.item is not None]
    comments, expected = sum(post.known for post in posts), None
    if any(post.descendants is not None for post in opened):
        # The posts that are not read yet are probably like those that are.
        expected = sum(post.expected for post in opened) * len(posts) // len(opened)
    now = asyncio.get_running_loop().time()
    return Progress(
        poll=poll.number,
        posts=len(posts),
        posts_done=sum(post.result is not None for post in posts),
        comments=comments,
        expected=expected,
        fetches=poll.fetcher.fetch_counter,
        seconds=now - poll.start,
        seconds_left=guess_seconds_left(poll, (expected or 0) - comments, now),
        stories=tuple(post.so_far() for post in opened),
    )


def guess_seconds_left(poll: Poll, comments: int, now: float) -> float | None:
    """
    Return how long it takes to read so many more *comments*, if there is ground for a guess.
    """
    read = sum(post.read for post in poll.posts or ())
    if poll.counting_since is None or comments <= 0 or read < comments * ENOUGH_TO_GUESS:
        return None
    return comments * (now - poll.counting_since) / read


def report_poll(
    poll: Poll, error: str | None, *, failed: bool, started: datetime, seconds: float
) -> PollReport:
    """
    Say what a poll found, and remember its counts for the next one.
    """
    posts = poll.posts or []
    settings = poll.settings
    return PollReport(
        poll=poll.number,
        started=started,
        list=settings.list_name,
        seconds=seconds,
        fetches=poll.fetcher.fetch_counter,
        retries=poll.fetcher.retry_counter,
        stories=tuple(report_post(post, error, poll.counts) for post in posts),
        skipped=poll.skipped,
        mode=poll.found.mode,
        changed=sum(len(post.discussion.tree.changed) for post in posts),
        drift=sum(post.drift for post in posts),
        failed=failed or poll.posts is None,
        error=error,
        refused=poll.fetcher.refused_counter,
        comments=sort_comments(posts) if settings.comments or settings.live else (),
    )


def report_post(post: Post, error: str | None, counts: Memory) -> PostReport:
    """
    Say what a poll found about one post, and remember its count for the next one.
    """
    story = post.report(error, counts.last_counts.get(post.id))
    if story.count is not None and story.count.exact:
        counts.note_count(post.id, story.count.comments)
    return story


def sort_comments(posts: Iterable[Post]) -> tuple[Comment, ...]:
    """
    Return the comments that are new in *posts*, the oldest first.
    """
    # One post can be a comment of another: what is new there is told once, by the first.
    comments: dict[int, Comment] = {}
    for post in posts:
        for comment in post.comments:
            comments.setdefault(comment.item.id, comment)
    return tuple(comments[item_id] for item_id in sorted(comments))
