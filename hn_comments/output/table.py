"""
Draw the live table: the stories, the pane with new comments, and what stands below.
"""

from datetime import datetime

from ..models import PostReport
from ..plaintext import clean, plain_text
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
from .progress import describe_seconds
from .terminal import Terminal


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.text import Text

# The columns in their order: cells, and the width of a screen that has room for each.
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
    "status": (7, 110),
}

# Cells of the hours' bars on wider screens: width of the screen, hours shown.
WIDE_HOURS = ((180, 48), (130, 24))

# Cells between columns.
GAP = 1

# Lowest to highest; the first is for an hour without a comment.
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.:-=+*#"

# Seconds that a story's last move stays beside its rank.
MOVE_SHOWN = 600.0

# Seconds from which data is old enough to say so.
OLD = 60.0

# Lines of errors below the table at most, and lines of a screen that has room for them.
MAX_ERRORS = 3
HEIGHT_FOR_ERRORS = 16

# Lines of a screen from which the pane stands below the table, and not in its place.
HEIGHT_FOR_BOTH = 16

# What the keys do, in words and, below a width of 60, as a reminder.
KEYS = "q quit, j/k choose, enter comments, s sort: {sort}, o link"
SHORT_KEYS = "q, j/k, enter, o, s: {sort}"


def draw_screen(board: Board, terminal: Terminal, *, width: int, height: int) -> list[str]:
    """
    Return the lines of the whole screen, ready to be written.
    """
    footer = draw_footer(board, terminal, width=width, height=height)
    room = max(height - len(footer), 0)
    pane: list[str] = []
    if board.pane and (story := board.chosen_story):
        size = room // 2 if height >= HEIGHT_FOR_BOTH else room - 2
        pane = draw_pane(board, story, terminal, width=width, height=size)
    stories = window(board, room - len(pane) - 1)
    table = draw_table(board, stories, terminal, width=width, chosen=board.chosen)
    blank = [""] * (room - len(table) - len(pane))
    return [*table, *blank, *pane, *footer][-height:]


def draw_last(board: Board, terminal: Terminal, *, width: int) -> list[str]:
    """
    Return the table as ordinary text, for when the screen is left.
    """
    if not board.stories:
        return []
    table = draw_table(board, board.sorted, terminal, width=width, chosen=None)
    return [*table, paint_line(terminal, describe_poll(board, width), QUIET, width)]


def draw_table(
    board: Board, stories: list[PostReport], terminal: Terminal, *, width: int, chosen: int | None
) -> list[str]:
    """
    Return the header and a line for each of *stories*.
    """
    from rich.table import Table
    from rich.text import Text

    columns = columns_at(width)
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, GAP, 0, 0), header_style=QUIET)
    for name, cells in columns.items():
        heading = "" if name == "moved" else name
        table.add_column(heading, justify="right", no_wrap=True, width=cells)
    table.add_column("title", ratio=1, no_wrap=True, overflow="ellipsis")
    for story in stories:
        cells_of = cells_for(board, story, terminal, hours=columns.get("hours", 0))
        row = [cells_of[name] for name in (*columns, "title")]
        if story.id == chosen:
            # In reverse video, colours would be patches.
            table.add_row(*(Text(cell.plain) for cell in row), style="reverse")
        else:
            table.add_row(*row)
    return terminal.paint(table, width=width)


def columns_at(width: int) -> dict[str, int]:
    """
    Return the columns for which a screen of *width* has room, and their cells.
    """
    columns = {name: cells for name, (cells, needed) in COLUMNS.items() if width >= needed}
    # The same column under its name, where that fits.
    columns.pop("all" if "comments" in columns else "comments", None)
    for needed, cells in WIDE_HOURS:
        if width >= needed:
            columns["hours"] = cells
            break
    return columns


def cells_for(
    board: Board, story: PostReport, terminal: Terminal, *, hours: int
) -> "dict[str, Text]":
    """
    Return what each column says of *story*.
    """
    from rich.text import Text

    style = {"partial": PARTIAL, "failed": FAILED}.get(story.status, "")
    fresh, now = board.fresh.get(story.id, 0), bool(story.new)
    count = Text(count_words(story) if story.count else "?", style)
    item = story.item
    return {
        "#": Text("-" if story.rank is None else str(story.rank)),
        "moved": moved(board, story.id, terminal),
        "comments": count,
        "all": count,
        "new": Text(f"{fresh:+d}" if fresh else "", NEW if now else "green"),
        "1h": Text(f"{story.last_hour}" if story.last_hour else ""),
        "hours": Text(bars(story.hours, hours, ascii_only=not terminal.unicode), "cyan"),
        "score": Text("" if item is None or item.score is None else str(item.score), QUIET),
        "age": Text(age(board, story), QUIET),
        "status": Text(story.status, style or QUIET),
        "title": Text(terminal.legible(title_of(story)), f"link {story.link}"),
    }


def moved(board: Board, story: int, terminal: Terminal) -> "Text":
    """
    Return how far a story rose or fell of late.
    """
    from rich.text import Text

    places, when = board.moves.get(story, (0, 0.0))
    if not places or board.clock() - when > MOVE_SHOWN:
        return Text("")
    up, down = "▲▼" if terminal.unicode else "^v"
    return Text(f"{up}{places}", "green") if places > 0 else Text(f"{down}{-places}", "red")


def bars(hours: tuple[int, ...], cells: int, *, ascii_only: bool = False) -> str:
    """
    Return one bar for each hour, the newest last; for several hours where there are many.
    """
    if not hours or not cells:
        return ""
    size = -(-len(hours) // cells)
    # From the end, so that the hours of the last bar are whole.
    groups = [sum(hours[max(end - size, 0) : end]) for end in range(len(hours), 0, -size)]
    levels = ASCII_BARS if ascii_only else BARS
    highest = max(groups)
    return "".join(
        levels[-(-number * (len(levels) - 1) // highest)] if number else levels[0]
        for number in reversed(groups)
    )


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


def window(board: Board, size: int) -> list[PostReport]:
    """
    Return as many stories as there is room for, the chosen one among them.
    """
    stories = board.sorted
    place = next((n for n, story in enumerate(stories) if story.id == board.chosen), 0)
    start = min(max(place - size + 1, 0), len(stories))
    return stories[start : start + max(size, 0)]


def draw_pane(
    board: Board, story: PostReport, terminal: Terminal, *, width: int, height: int
) -> list[str]:
    """
    Return the end of the chosen story's new comments, under its title.
    """
    from rich.padding import Padding
    from rich.text import Text

    lines: list[str] = []
    # The newest ones fill any screen; older ones need not be drawn.
    for comment in [*board.comments.get(story.id, ())][-max(height, 1) :]:
        author, where = describe_comment(comment)
        to = where.split(" on ")[0] if where.startswith("to ") else ""
        lines.append(paint_line(terminal, f"{author} {to}", "bold", width))
        # An address longer than a line is folded here: nothing may leave the pane.
        text = Text(terminal.legible(plain_text(comment.item.text or "", width - 2)))
        lines += terminal.paint(Padding(text, (0, 0, 0, 2)), width=width)
    title = f"New comments on {title_of(story)}"
    lines = lines or [paint_line(terminal, "  none yet", QUIET, width)]
    return [paint_line(terminal, title, "bold cyan", width), *lines[-max(height - 1, 1) :]]


def draw_footer(board: Board, terminal: Terminal, *, width: int, height: int) -> list[str]:
    """
    Return what stands below the table: errors as they stand, the poll's cost, the keys.
    """
    errors = [clean(error) for error in (*board.errors, *board.warnings)]
    kept = MAX_ERRORS if height >= HEIGHT_FOR_ERRORS else 1
    if len(errors) > kept:
        errors = [*errors[:kept], f"and {len(errors) - kept} more"]
        errors = errors if height >= HEIGHT_FOR_ERRORS else [f"({len(errors)}) {errors[0]}"]
    lines = [paint_line(terminal, error, PARTIAL, width) for error in errors]
    lines.append(paint_line(terminal, describe_poll(board, width), QUIET, width))
    keys = board.message or (KEYS if width >= 60 else SHORT_KEYS).format(sort=board.sort)
    return [*lines, paint_line(terminal, keys, "bold" if board.message else QUIET, width)]


def describe_poll(board: Board, width: int) -> str:
    """
    Return from when the data is, and what its poll cost; or how far the one is that runs.
    """
    facts: list[str] = []
    if board.report is not None:
        taken = datetime.fromtimestamp(board.taken).astimezone()
        old = board.clock() - board.taken
        facts.append(f"{taken:%H:%M:%S}")
        if old >= OLD:
            facts.append(f"{describe_seconds(old)} old")
    if board.wait:
        facts.append(board.wait)
    elif board.report is not None:
        facts += costs(board.report)
        facts.append(plural(len(board.stories), "story"))
    return fit_facts(facts, width) or "Reading..."


def paint_line(terminal: Terminal, line: str, style: str, width: int) -> str:
    """
    Return one line, cut at its end.
    """
    from rich.text import Text

    text = Text(terminal.legible(line), style, no_wrap=True, overflow="ellipsis")
    return "".join(terminal.paint(text, width=width)[:1])
