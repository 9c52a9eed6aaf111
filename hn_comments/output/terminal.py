"""
Find out what a terminal can show, and paint lines for it.

`rich` is imported when the first line is painted.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TextIO


# Type checkers read this as typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.segment import Segment
    from rich.style import Style

# For a terminal that does not tell its size.
DEFAULT_SIZE = os.terminal_size((80, 24))

# Terminals, by TERM, that print the address of an OSC 8 link as rubbish, or have done so.
# https://github.com/Alhadis/OSC8-Adoption
WITHOUT_LINKS = ("dumb", "unknown", "linux", "screen", "eterm", "vt1", "vt2")

# The first version of VTE (GNOME Terminal and others) whose links can be relied on.
FIRST_VTE_WITH_LINKS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """
    The abilities of a terminal: *colour* is about colour only, not about bold or dim.

    *control* says whether it knows control sequences; *fd* is its file descriptor.
    """

    fd: int
    colour: bool = True
    control: bool = True
    links: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Self:
        """
        Return the terminal that *stream* leads to, as the environment describes it.
        """
        control = environ.get("TERM", "") not in {"", "dumb", "unknown"}
        return cls(
            fd=stream.fileno(),
            colour=wants_colour(environ, default=control),
            control=control,
            links=control and knows_links(environ),
            encoding=stream.encoding,
        )

    @property
    def unicode(self) -> bool:
        return self.encoding.lower().replace("-", "").startswith("utf")

    def size(self) -> os.terminal_size:
        """
        Return the present size: a window can be resized.
        """
        try:
            size = os.get_terminal_size(self.fd)
        except OSError:
            return DEFAULT_SIZE
        # A serial line says 0, and so does a pseudo-terminal whose size was never set.
        return size if size.columns and size.lines else DEFAULT_SIZE

    def legible(self, text: str) -> str:
        """
        Return *text* with each character that the terminal's encoding lacks replaced by "?".
        """
        return text if self.unicode else text.encode(self.encoding, "replace").decode(self.encoding)

    def fit(self, style: "Style | None") -> "Style | None":
        """
        Return *style* without what the terminal cannot show, or should not.
        """
        if style is None:
            return None
        style = style if self.links else style.update_link(None)
        return style if self.colour else style.without_color

    def paint(self, drawing: "RenderableType", *, width: int) -> list[str]:
        """
        Return the lines of *drawing*, each of at most *width* cells, ready to be written.
        """
        import io

        from rich.console import Console
        from rich.segment import Segment

        # All is given, so that rich asks neither the environment nor a terminal.
        console = Console(
            file=io.StringIO(), force_terminal=True, legacy_windows=False, width=width, height=1000
        )
        lines = console.render_lines(drawing, pad=False)
        return [
            "".join(map(self._paint_segment, Segment.simplify(strip_end(line)))) for line in lines
        ]

    def _paint_segment(self, segment: "Segment") -> str:
        from rich.color import ColorSystem

        text, style, _ = segment
        text = text if self.unicode else self.legible(text.replace("…", "~"))
        if style is None:
            return text
        address, style = style.link, plain_style(style, colour=self.colour)
        # The terminal's own 16 colours, which every theme makes legible.
        if self.colour or self.control:
            text = style.render(text, color_system=ColorSystem.STANDARD)
        return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\" if address and self.links else text


def wants_colour(environ: Mapping[str, str], *, default: bool) -> bool:
    """
    Return whether to use colour; https://no-color.org and https://force-color.org.
    """
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or default


def knows_links(environ: Mapping[str, str]) -> bool:
    """
    Return whether the terminal shows OSC 8 links, or at least no rubbish.
    """
    vte = environ.get("VTE_VERSION", "")
    if vte.isdecimal() and int(vte) < FIRST_VTE_WITH_LINKS:
        return False
    # tmux sets TERM to screen, too, and knows links.
    return "TMUX" in environ or not environ.get("TERM", "").startswith(WITHOUT_LINKS)


def plain_style(style: "Style", *, colour: bool) -> "Style":
    """
    Return *style* without its link, whose random id would make equal lines differ.
    """
    style = style.update_link(None)
    return style if colour else style.without_color


def strip_end(line: "list[Segment]") -> "list[Segment]":
    """
    Return *line* without the blanks at its end, which pad columns.
    """
    from rich.segment import Segment

    line = list(line)
    while line:
        text, style, control = line.pop()
        # Reverse video is the only style that a blank shows.
        kept = text if style is not None and style.reverse else text.rstrip(" ")
        if kept:
            return [*line, Segment(kept, style, control)]
    return line
