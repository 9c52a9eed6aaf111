"""
One poll: the story list, the first N of it, each counted under the error policy.

The report is published when the poll ends, by success, a failure, the poll timeout or a
cancellation from outside. Posts that are unfinished then are lower bounds.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from async_timeout import timeout

from .api import URLFetcher, parse_ids
from .errors import HNCommentsError, MalformedItem, PollFailed
from .events import WorldChanged
from .memory import POST_MEMORY, Changes, Discussion, Memory, ask, find_changes, find_other_world
from .models import INTERRUPTED, Comment, Notice, PollReport, Progress
from .news import (
    Earlier,
    find_crossings,
    judge_posts,
    make_notice,
    note_disputes,
    read_last,
    read_untold,
    sort_comments,
)
from .posts import Post
from .settings import Settings
from .tasks import gather_or_stop


# Type checkers read this as typing.TYPE_CHECKING; sqlite3 is imported only for a history.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .history.history import History


# The share of what is left that must have been read before its time is guessed: what the first
# requests take says little of the rest.
ENOUGH_TO_GUESS = 1 / 50


class Poll:
    """
    The poll with this *number*; *skipped* ticks were skipped before it.
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
        notify: Callable[[Notice], object] = lambda _: None,
    ) -> None:
        self.fetcher = fetcher
        self.settings = settings
        self.history = history
        self.notify = notify
        # A poll that reads everything, or is the only one, has no use for a memory.
        self.remembers = not settings.full_walk and (settings.polls != 1 or history is not None)
        self.memory = memory if self.remembers else memory.without_trees()
        self.number = number
        self.skipped = skipped
        # In the order of the list; None until the list is read.
        self.posts: list[Post] | None = None
        self.changes = Changes("full")
        # What is wrong with the story list; comments that earlier runs did not tell, and the last
        # ones, where these are wanted.
        self.problem: str | None = None
        self.earlier: list[Earlier] = []
        self.last: list[Comment] = []
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
        error: str | None = INTERRUPTED
        failed = False
        try:
            async with timeout(self.settings.poll_timeout):
                await self._count_posts()
            error = None
        except TimeoutError:
            error = f"the poll did not end within {self.settings.poll_timeout:g} seconds"
        except HNCommentsError as exc:
            error = str(exc)
            failed = isinstance(exc, PollFailed)
        except Exception as exc:
            # A bug; its traceback ends with the poll, and what was counted is reported.
            error, failed = f"{type(exc).__name__}: {exc}", True
            raise
        finally:
            seconds = asyncio.get_running_loop().time() - start
            report = report_poll(self, error, failed=failed, started=started, seconds=seconds)
            note_disputes(report, self.memory.troubles)
            report = find_crossings(report, self.memory, self.settings)
            try:
                report = await self._save(report)
            finally:
                publish(report)
                self.notify(make_notice(report, self.memory, self.earlier, self.settings))
        return report

    async def _save(self, report: PollReport) -> PollReport:
        """
        Have a report in the history, and return it without what another process tells.
        """
        if self.history is None:
            return report
        known = await self.history.save(report, self.memory)
        mine = tuple(crossing for crossing in report.crossings if crossing not in known)
        return replace(report, crossings=mine)

    async def _count_posts(self) -> None:
        """
        Count all posts concurrently; the first error that one raises ends the poll.
        """
        discussions = await self._look_around()
        self.counting_since = asyncio.get_running_loop().time()
        upto = self.memory.maxitem.known or 0
        old = self.memory.choose_old(discussions, self.settings.refresh)
        counting = [
            asyncio.create_task(
                post.count(self.changes, upto=upto, old=post.id in old),
                name=f"poll {self.number} post {post.id}",
            )
            for post in self.posts or ()
        ]
        telling = asyncio.create_task(self._read_earlier())
        await gather_or_stop([*counting, telling])
        self.memory.follow_moves()
        if self.number == 1 and self.settings.last:
            self.last = await read_last(self.fetcher, self.posts or (), self.settings.last)

    async def _read_earlier(self) -> None:
        if self.settings.comments:
            self.earlier = await read_untold(self.fetcher, self.memory)

    async def _look_around(self) -> Sequence[Discussion]:
        """
        Return the posts' discussions, with all that changed marked to be read.
        """
        if not self.remembers:
            return await self._open(await self._fetch_ids())
        ids_task = asyncio.create_task(self._fetch_ids())
        hints_task = asyncio.create_task(ask(self.fetcher, self.memory))
        await gather_or_stop([ids_task, hints_task])
        ids, hints = ids_task.result(), hints_task.result()
        discussions = await self._open(ids)
        if reason := await find_other_world(self.memory, self.fetcher, hints.maxitem):
            await self._begin_anew(reason)
            discussions = await self._open(ids)
        self.changes = await find_changes(self.memory, self.fetcher, hints, discussions)
        if self.changes.problem and self.settings.on_error == "cancel":
            raise PollFailed(self.changes.problem)
        return discussions

    async def _begin_anew(self, reason: str) -> None:
        """
        Forget what is remembered of another world; its history is kept under another name.
        """
        self.memory.forget_world()
        kept = await self.history.set_aside() if self.history is not None else None
        self.memory.troubles.tell(WorldChanged(reason=reason, kept=kept))

    async def _fetch_ids(self) -> Sequence[int]:
        """
        Return the ids of the posts to count, each once.
        """
        if self.settings.posts:
            return self.settings.posts
        path = f"{self.settings.stories}stories.json"
        answer = await self.fetcher.fetch(path)
        if answer is None:
            # The real API answers null for a path that it does not know.
            url = self.settings.api_url
            raise MalformedItem(path, f"the answer of {url} is null: is the /v0 missing?")
        if isinstance(answer, list) and None in answer:
            self.problem = f"{path}: {answer.count(None)} of the ids are null"
            answer = [item_id for item_id in answer if item_id is not None]
        ids = parse_ids(path, answer)
        if not ids:
            raise MalformedItem(path, "the list is empty")
        return list(dict.fromkeys(ids))[: self.settings.limit]

    async def _open(self, ids: Sequence[int]) -> Sequence[Discussion]:
        """
        Set `posts`: those of the list, and those that left it but are still followed.
        """
        if self.history is not None:
            await self.history.recall(self.memory, ids, follow=self.settings.follow)
        listed = [self.memory.discussion(post_id) for post_id in ids]
        for discussion in listed:
            discussion.listed_at = self.memory.clock()
            if discussion.proof.disputed:
                # It was said when it began, if only by an earlier run.
                self.memory.troubles.resume("descendants", subject=discussion.post_id)
        self.memory.forget(keep=max(POST_MEMORY, self.settings.follow))
        followed = self.memory.followed(self.settings.follow, besides=ids)
        ranked = [*enumerate(listed, start=1), *((None, discussion) for discussion in followed)]
        self.posts = [
            Post(self.fetcher, discussion, self.settings, rank=rank) for rank, discussion in ranked
        ]
        return [*listed, *followed]


def watched_paths(poll: Poll) -> list[str] | None:
    """
    Return what a poll read that may change; None for one that has not come so far, or is the last.
    """
    if poll.posts is None or not poll.remembers:
        return None
    posts = [f"item/{post.id}.json" for post in poll.posts]
    lists = [] if poll.settings.posts else [f"{poll.settings.stories}stories.json"]
    return ["maxitem.json", "updates.json", *lists, *posts]


def measure_progress(poll: Poll) -> Progress | None:
    """
    Return how far a poll has come; None while it waits for its turn.
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
    Return the report of a poll, and remember its counts for the next one.
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
        stories=tuple(judge_posts([post.report(error) for post in posts], poll.memory, settings)),
        skipped=poll.skipped,
        mode=poll.changes.mode,
        changed=sum(len(post.discussion.tree.reading.changed) for post in posts),
        drift=sum(post.drift for post in posts),
        failed=failed or poll.posts is None,
        error=error or poll.problem,
        refused=poll.fetcher.refused_counter,
        source=poll.fetcher.source.name,
        comments=find_comments(poll) if settings.comments or settings.live else (),
    )


def find_comments(poll: Poll) -> tuple[Comment, ...]:
    """
    Return the comments that the reader is to be told.
    """
    earlier = [comment for comment, untold in poll.earlier if untold.reader]
    found = [comment for post in poll.posts or () for comment in post.comments]
    new = poll.memory.told_comments.take_news(found)
    # In this order: of the last ones, some can be new.
    return sort_comments([*earlier, *new, *poll.last])
