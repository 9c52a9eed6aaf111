"""
Word the live table: its lines, the pane with new comments or help, and what stands below.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from rich.text import Text

from ..durations import describe_duration
from ..models import Comment, Item, PostReport
from ..plaintext import clean, fold, plain_text
from .board import Board
from .fitted import (
    FAILED,
    NEW,
    PARTIAL,
    QUIET,
    costs,
    count_words,
    describe_comment,
    fit_facts,
    plural,
    title_of,
)
from .formats import format_age
from .progress import progress_facts
from .terminal import Terminal


# The columns in their order: their cells, and the width of a screen with room for them.
COLUMNS = {
    "#": (2, 0),
    "moved": (3, 54),
    "comments": (8, 60),
    "all": (5, 0),
    "new": (5, 0),
    "1h": (4, 46),
    "hours": (12, 72),
    "score": (5, 84),
    "age": (4, 64),
    "author": (12, 104),
    "status": (7, 118),
}

# Width of the screen, and how many hours have a bar there.
HOURS = ((190, 48), (140, 24), (0, 12))

# Lowest to highest; the first is for an hour without a comment.
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.:-=+*#"

# Seconds that a story's last move stays beside its rank.
MOVE_SHOWN = 600.0

# Seconds from which data is old enough to say so.
OLD = 60.0

# Lines of errors below the table at most: on a low screen, and from which height on another.
FEW_ERRORS, MORE_ERRORS, HEIGHT_FOR_MORE = 1, 3, 16

# What the keys do, the most important first: a narrow screen has no room for all.
KEYS = ("q quit", "? help", "j/k choose", "enter comments", "s sort: {sort}", "/ filter", "o open")

HELP = """\
q             quit, as Ctrl-C does
j, k, arrows, PgUp, PgDn, Home, End, mouse
              choose a story; all but j and k scroll this pane
Enter         the new comments of the chosen story; again, or Esc, closes them
s             sort by rank, new, last hour, comments, age
/             show only stories with these words in their titles; Esc ends that
o             open the story in a browser, if there is one; its address is shown
~12           not counted yet: Hacker News' own number
12+           at least so many: what could not be read stands below the table
"""


def draw_header(board: Board, *, width: int) -> Text:
    """
    Return the names of the columns, and since when "new" is new.
    """
    columns = columns_at(board, width)
    since = f"new since {moment(board.opened, board.clock())}"
    gap = columns["title"] - len("title") - len(since)
    cells = {name: Text(name, QUIET) for name in columns}
    cells["moved"] = Text("")
    if gap > 0:
        cells["title"] = Text(f"title{' ' * gap}{since}", QUIET)
    return lay_out(cells, columns)


def draw_stories(
    board: Board, stories: Iterable[PostReport], terminal: Terminal, *, width: int
) -> list[Text]:
    """
    Return a line for each of *stories*.
    """
    columns = columns_at(board, width)
    return [lay_out(cells_for(board, story, terminal, columns), columns) for story in stories]


def draw_last(board: Board, terminal: Terminal, *, width: int) -> list[Text]:
    """
    Return the table as ordinary text, for when the screen is left.
    """
    if not board.stories:
        return []
    return [
        draw_header(board, width=width),
        *draw_stories(board, board.sorted, terminal, width=width),
        Text(describe_poll(board, width), QUIET),
    ]


def columns_at(board: Board, width: int) -> dict[str, int]:
    """
    Return the columns for which a screen of *width* has room, and their cells.
    """
    columns = {name: cells for name, (cells, needed) in COLUMNS.items() if width >= needed}
    # The same column under its name, where that fits.
    columns.pop("all" if "comments" in columns else "comments", None)
    columns["#"] = max(columns["#"], len(f"{len(board.stories)}"))
    if "hours" in columns:
        columns["hours"] = next(cells for needed, cells in HOURS if width >= needed)
    columns["title"] = max(width - sum(columns.values()) - len(columns), 0)
    return columns


def lay_out(cells: Mapping[str, Text], columns: Mapping[str, int]) -> Text:
    """
    Return a line: numbers to the right of their columns, words to the left, cut at their end.
    """
    line = Text(no_wrap=True, end="")
    for name, width in columns.items():
        cell = cells[name]
        cell.truncate(width, overflow="ellipsis")
        gap = " " * (width - cell.cell_len)
        words = name in {"author", "title"}
        line.append("" if words else gap).append_text(cell).append(gap if words else "")
        if name != "title":
            line.append(" ")
    return line


def cells_for(
    board: Board, story: PostReport, terminal: Terminal, columns: Mapping[str, int]
) -> dict[str, Text]:
    """
    Return what each column says of *story*.
    """
    count, status, style = count_of(story)
    item = story.item or Item(id=story.id)
    fresh = board.fresh.get(story.id, 0)
    return {
        "#": Text("-" if story.rank is None else str(story.rank)),
        "moved": moved(board, story.id, terminal),
        "comments": Text(count, style),
        "all": Text(count, style),
        "new": Text(f"{fresh:+d}" if fresh else "", NEW if story.new else "green"),
        "1h": Text(f"{story.last_hour}" if story.last_hour else ""),
        "hours": Text(bars(story.hours, columns.get("hours", 0), terminal), "cyan"),
        "score": Text("" if item.score is None else str(item.score), QUIET),
        "age": Text(age(board, story), QUIET),
        "author": Text(terminal.legible(clean(item.by or "")), QUIET),
        "status": Text(status, style or QUIET),
        "title": Text(terminal.legible(title_of(story)), f"link {story.link}"),
    }


def count_of(story: PostReport) -> tuple[str, str, str]:
    """
    Return the count of *story*, its status, and their style; until it is counted, a guess.
    """
    if story.unfinished:
        guess = story.item.descendants if story.item else None
        return "?" if guess is None else f"~{guess}", "reading", QUIET
    style = {"partial": PARTIAL, "failed": FAILED}.get(story.status, "")
    return count_words(story) if story.count else "?", story.status, style


def moved(board: Board, story: int, terminal: Terminal) -> Text:
    """
    Return how far a story rose or fell of late.
    """
    places, when = board.moves.get(story, (0, 0.0))
    if not places or board.clock() - when > MOVE_SHOWN:
        return Text("")
    up, down = "▲▼" if terminal.unicode else "^v"
    return Text(f"{up}{places}", "green") if places > 0 else Text(f"{down}{-places}", "red")


def bars(hours: tuple[int, ...], cells: int, terminal: Terminal) -> str:
    """
    Return one bar for each hour, the newest last; for several hours where there are many.
    """
    if not hours or not cells:
        return ""
    size = -(-len(hours) // cells)
    # From the end, so that the hours of the last bar are whole.
    groups = [sum(hours[max(end - size, 0) : end]) for end in range(len(hours), 0, -size)]
    levels, highest = BARS if terminal.unicode else ASCII_BARS, max(*groups, 1)
    # Rounded up: an hour with one comment is seen beside any other.
    return "".join(levels[-(-n * (len(levels) - 1) // highest)] for n in reversed(groups))


def age(board: Board, story: PostReport) -> str:
    """
    Return how old a story is, as in "12m", "3h", "2d", "5y".
    """
    if story.item is None or story.item.time is None:
        return ""
    hours = max(board.clock() - story.item.time, 0) / 3600
    for most, size, unit in ((1, 1 / 60, "m"), (48, 1, "h"), (24 * 1000, 24, "d")):
        if hours < most:
            return f"{int(hours / size)}{unit}"
    return f"{int(hours / 24 / 365)}y"


def moment(when: float, now: float) -> str:
    """
    Return the time of day, or the day if that was long ago.
    """
    return f"{local(when):%H:%M}" if now - when < 86400 else f"{local(when):%d %b}"


def local(when: float) -> datetime:
    return datetime.fromtimestamp(when).astimezone()


def draw_pane(board: Board, terminal: Terminal, *, width: int) -> Iterator[Text]:
    """
    Yield a title, and below it the new comments of the chosen story, the newest first; or help.
    """
    story = board.chosen_story
    if board.pane == "help" or story is None:
        yield cut("Keys, and what else stands here", "bold cyan", terminal, width)
        yield from (Text(piece) for line in HELP.splitlines() for piece in fold(line, width))
        return
    yield cut(f"New comments on {title_of(story)}", "bold cyan", terminal, width)
    for comment in reversed(board.comments.get(story.id, ())):
        yield from draw_comment(board, comment, terminal, width)
    if story.id not in board.comments:
        yield cut(f"  none since {moment(board.opened, board.clock())}", QUIET, terminal, width)


def draw_comment(board: Board, comment: Comment, terminal: Terminal, width: int) -> Iterator[Text]:
    """
    Yield who wrote a comment, to whom, and when, then its text.
    """
    author, where = describe_comment(comment)
    to = f" {where.split(' on ')[0]}" if where.startswith("to ") else ""
    age = format_age(comment.item, local(board.clock()), short=True)
    yield cut(f"{author}{to}{age}", "bold", terminal, width)
    for line in plain_text(comment.item.text or "", width - 2).split("\n"):
        # An address longer than a line is folded here: nothing may leave the pane.
        yield from (Text(f"  {piece}") for piece in fold(terminal.legible(line), width - 2))


def draw_footer(board: Board, terminal: Terminal, *, width: int, height: int) -> list[Text]:
    """
    Return what stands below the table: errors as they stand, the poll's cost, the keys.
    """
    errors, kept = board.errors, MORE_ERRORS if height >= HEIGHT_FOR_MORE else FEW_ERRORS
    if len(errors) > kept:
        errors[kept:] = [f"and {len(errors) - kept} more"]
    lines = [cut(error, PARTIAL, terminal, width) for error in errors]
    lines.append(cut(describe_poll(board, width), QUIET, terminal, width))
    if board.message:
        # Folded, not cut: it may be an address to copy.
        return [*lines, *(Text(piece, "bold") for piece in fold(board.message, width))]
    return [*lines, Text(fit_facts((key.format(sort=board.sort) for key in KEYS), width), QUIET)]


def describe_poll(board: Board, width: int) -> str:
    """
    Return from when the data is, and what its poll cost; or how far the one is that runs.
    """
    now = board.clock()
    facts: list[str] = []
    if board.failing:
        facts.append(f"no answer since {moment(board.taken, now)}")
    elif board.report is not None:
        facts.append(f"{local(board.taken):%H:%M:%S}")
        if now - board.taken >= OLD:
            facts.append(f"{describe_duration(now - board.taken, short=True)} old")
    if board.progress is not None:
        facts += progress_facts(board.progress)
    elif board.report is not None:
        facts += costs(board.report)
        facts.append(plural(len(board.stories), "story"))
    return fit_facts(facts, width) or "Reading..."


def cut(line: str, style: str, terminal: Terminal, width: int) -> Text:
    """
    Return one line, cleaned, and cut at its end.
    """
    text = Text.assemble((terminal.legible(clean(line)), style))
    text.truncate(width, overflow="ellipsis")
    return text
