"""
Reports as text fitted to a terminal: one line a post, in columns, with colour by meaning.

Nothing here prints. `formats` makes the lines for pipes and files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..models import Comment, PollReport, PostReport
from ..plaintext import clean, plain_text, plain_title
from ..settings import Settings
from . import formats
from .terminal import Terminal


# Type checkers read this as typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.text import Text

# Colours by meaning, as rich names the 16 of the terminal's own theme.
QUIET = "dim"
NEW = "bold green"
PARTIAL = "yellow"
FAILED = "bold red"

# Terminals with fewer cells have lines without the time and "comments", or without the id.
WIDTH_FOR_TIME = 60
WIDTH_FOR_ID = 100

# Cells that a title keeps beside a reason, or a third of the room if that is less.
MIN_TITLE = 12

# Cells before each line of a comment's text.
COMMENT_INDENT = 2

# Cells of a comment's text at most: longer lines are hard to read.
MAX_TEXT_WIDTH = 100


class TerminalText:
    """
    Text for one terminal. It remembers the stories on the list, and the widths of columns.
    """

    def __init__(self, settings: Settings, terminal: Terminal) -> None:
        self.settings = settings
        self.terminal = terminal
        # The stories on the list when it was last read; None before the first time.
        self._listed: dict[int, PostReport] | None = None
        self._arrived: frozenset[int] = frozenset()
        self._count_width = self._new_width = 4

    def render(self, report: PollReport) -> str:
        """
        Return the lines for *report*, each with a line feed.
        """
        width = self.terminal.size().columns
        departed = self._compare_lists(report)
        rows = [
            Row.of(story, arrived=story.id in self._arrived)
            for story in report.stories
            if story.shown
        ]
        rows += [Row.departed(story) for story in departed]
        self._count_width = max([self._count_width, *(len(row.count) for row in rows)])
        self._new_width = max([self._new_width, *(len(row.new) for row in rows)])
        now = datetime.now().astimezone()
        lines = [self._paint(self._lay_out(row, now, width), width) for row in rows]
        for comment in report.comments if self.settings.comments else ():
            lines += self._comment(comment, width)
        return "".join(line + "\n" for line in lines)

    def _compare_lists(self, report: PollReport) -> list[PostReport]:
        """
        Note which stories arrived on the list, and return those that left it.
        """
        self._arrived = frozenset()
        # A failed poll has read no list; posts named by the user are on none.
        if self.settings.posts or report.failed or not report.stories:
            return []
        listed = {story.id: story for story in report.stories if story.rank is not None}
        before, self._listed = self._listed, listed
        if before is None:
            return []
        self._arrived = frozenset(listed.keys() - before.keys())
        return [story for story in before.values() if story.id not in listed]

    def _lay_out(self, row: "Row", now: datetime, width: int) -> "Text":
        from rich.cells import cell_len
        from rich.text import Text

        text = Text(no_wrap=True, overflow="ellipsis")
        roomy = width >= WIDTH_FOR_TIME
        if roomy:
            text.append(f"{now:%H:%M:%S}  ", QUIET)
        # Where the title carries no link, readers need the id to find the post.
        if width >= WIDTH_FOR_ID or (roomy and not self.terminal.links):
            text.append(f"{row.story.id:>8}  ", QUIET)
        text.append(row.count.rjust(self._count_width), row.style)
        if roomy:
            text.append(f" {row.unit:<8}", row.style)
        text.append(f"  {row.new:<{self._new_width}}  ", NEW)
        room = width - cell_len(text.plain)
        title = fit_title(title_of(row.story), row.reason, room)
        text.append(title, f"{row.title_style} link {row.story.link}")
        text.append(row.reason and f": {row.reason}", row.style)
        return text

    def _comment(self, comment: Comment, width: int) -> Iterator[str]:
        """
        Yield the line with the author, the text, and the address if that line carries no link.
        """
        yield self._paint(self._context(comment), width)
        indent = " " * COMMENT_INDENT
        if comment.parent_text:
            yield self._paint(self._quote(f"{indent}> {clean(comment.parent_text)}"), width)
        text = plain_text(comment.item.text or "", min(width, MAX_TEXT_WIDTH) - COMMENT_INDENT)
        if not self.terminal.links:
            text += f"\n{comment.link}"
        for line in text.strip("\n").split("\n"):
            yield self.terminal.legible(indent + line).rstrip()

    def _context(self, comment: Comment) -> "Text":
        from rich.text import Text

        text = Text(no_wrap=True, overflow="ellipsis")
        author, where = describe_comment(comment)
        text.append(author, f"bold link {comment.link}")
        age = formats.format_age(comment.item, datetime.now().astimezone(), short=True)
        text.append(f"{age} {where}", QUIET)
        return text

    def _quote(self, line: str) -> "Text":
        from rich.text import Text

        return Text(line, QUIET, no_wrap=True, overflow="ellipsis")

    def _paint(self, text: "Text", width: int) -> str:
        return "".join(self.terminal.paint(text, width=width))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    The words of the line of one post.
    """

    story: PostReport
    count: str
    unit: str = "comments"
    new: str = ""
    reason: str = ""
    style: str = ""
    title_style: str = "default"

    @classmethod
    def of(cls, story: PostReport, *, arrived: bool) -> "Row":
        """
        Return the row of a post of this poll.
        """
        reason = clean(story.error or "")
        if story.count is None:
            return cls(story=story, count="failed", unit="", reason=reason, style=FAILED)
        partial = story.status == "partial"
        return cls(
            story=story,
            count=count_words(story),
            unit="comment" if story.count.comments == 1 else "comments",
            new=" ".join(filter(None, (f"{story.new:+d}" if story.new else "", "in" * arrived))),
            reason=reason if partial else "",
            style=PARTIAL if partial else "",
        )

    @classmethod
    def departed(cls, story: PostReport) -> "Row":
        """
        Return the row of a post that has left the list.
        """
        return cls(story=story, count="", unit="", new="out", title_style=QUIET)


def status_line(report: PollReport, terminal: Terminal) -> str | None:
    """
    Return one line on the results and the cost of a poll; None if nothing happened.
    """
    from rich.text import Text

    width = terminal.size().columns
    facts = fit_facts(summarise(report), width - len("> "))
    return "".join(terminal.paint(Text(f"> {facts}", QUIET), width=width)) if facts else None


def summarise(report: PollReport) -> Iterator[str]:
    """
    Yield the results and the cost of a poll; nothing if it failed, or nothing happened.
    """
    news = [] if report.failed else [*counts(report)]
    if news or report.refused or report.status == "partial":
        yield from news
        yield from troubles(report)
        yield from costs(report)


def counts(report: PollReport) -> Iterator[str]:
    """
    Yield how many comments were counted for the first time, and how many are new.
    """
    # Only exact ones: an inexact count never has a difference, in a first poll or later.
    unknown = [story for story in report.stories if story.new is None and story.status == "exact"]
    if first := [story.count.comments for story in unknown if story.count]:
        yield f"{plural(sum(first), 'comment')} in {plural(len(first), 'post')}"
    if new := [story.new for story in report.stories if story.new]:
        yield f"{plural(sum(new), 'new comment')} in {plural(len(new), 'post')}"


def troubles(report: PollReport) -> Iterator[str]:
    """
    Yield how many posts are partial, and how many failed.
    """
    statuses = [story.status for story in report.stories]
    for status in ("partial", "failed"):
        if status in statuses:
            yield f"{statuses.count(status)} {status}"


def costs(report: PollReport) -> Iterator[str]:
    """
    Yield the cost of a poll: seconds, requests, refusals.
    """
    yield f"{report.seconds:.1f} s" if report.seconds >= 1 else f"{report.seconds * 1000:.0f} ms"
    yield plural(report.fetches, "request")
    if report.refused:
        yield f"{report.refused} refused"


def describe_comment(comment: Comment) -> tuple[str, str]:
    """
    Return who wrote *comment*, and where: under which story, in reply to whom.
    """
    author = clean(comment.item.by or "(nobody)")
    title = plain_title(comment.title or f"post {comment.story}")
    if comment.parent_by is not None and comment.item.parent != comment.story:
        return author, f"to {clean(comment.parent_by)} on {title}"
    return author, f"on {title}"


def count_words(story: PostReport) -> str:
    """
    Return the count as a number, with a "+" if it is a lower bound.
    """
    if story.count is None:
        return "failed"
    return f"{story.count.comments}{'+' if story.status == 'partial' else ''}"


def title_of(story: PostReport) -> str:
    """
    Return the title as people read it, or the number of a post that has none.
    """
    return formats.title_of(story, f"post {story.id}")


def fit_title(title: str, reason: str, room: int) -> str:
    """
    Return *title*, cut at its end so that *reason*, if any, has room behind it.
    """
    from rich.cells import cell_len
    from rich.text import Text

    if not reason:
        return title
    text = Text(title)
    least = min(MIN_TITLE, room // 3)
    text.truncate(max(least, room - cell_len(f": {reason}")), overflow="ellipsis")
    return text.plain


def plural(number: int, noun: str) -> str:
    """
    Return "1 comment", "2 comments".
    """
    nouns = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else nouns}"


def fit_facts(facts: Iterable[str], width: int) -> str:
    """
    Return the first of *facts*, side by side, as many as *width* cells have room for.
    """
    line = ""
    for fact in facts:
        longer = f"{line}, {fact}" if line else fact
        if len(longer) > width:
            break
        line = longer
    return line[:width]
