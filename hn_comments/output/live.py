"""
The screen of the live table, as a Textual app: what stands where, and what keys and mouse do.
"""

import asyncio
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from ..models import Progress
from .board import Board
from .table import draw_footer, draw_header, draw_pane, draw_stories
from .terminal import Terminal


# Seconds between two looks at how far a poll is, and at how old the data is.
INTERVAL = 1.0

# Lines of a screen from which the pane leaves more than the chosen story of the table.
HEIGHT_FOR_BOTH = 16

# Opens an address, in a process of its own.
BROWSE = "import sys, webbrowser; webbrowser.open(sys.argv[1])"


class TableApp(App[None]):
    """
    Shows what its `board` knows, when told to `draw`. *stop* and *look* are as of `LiveTable`.
    """

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = None
    CSS = """
    Screen { overflow: hidden; }
    Lines { height: auto; overflow-x: hidden; scrollbar-size: 0 0; background: ansi_default; }
    #stories, #pane { height: 1fr; }
    Input > .input--cursor {
        text-style: reverse; background: ansi_default; color: ansi_default;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit"),
        ("up,k", "board('choose', -1)"),
        ("down,j", "board('choose', 1)"),
        ("pageup", "page(-1)"),
        ("pagedown", "page(1)"),
        ("home", "board('choose', -1000)"),
        ("end", "board('choose', 1000)"),
        ("enter", "board('toggle', 'comments')"),
        ("question_mark", "board('toggle', 'help')"),
        ("s", "board('sort_next')"),
        # At once: what is typed after it may be there already.
        Binding("slash", "filter", priority=True),
        ("o", "browse"),
        ("escape", "close"),
    ]

    def __init__(
        self,
        terminal: Terminal,
        *,
        stop: Callable[[], None],
        look: Callable[[], Progress | None] = lambda: None,
    ) -> None:
        # The user's own 16 colours: any theme has made them legible.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.terminal = terminal
        self.stop = stop
        self.look = look
        self.board = Board()
        self.ready = asyncio.Event()
        self.task_factory: Any = None
        self.header = Lines(terminal, id="header")
        self.stories = Lines(terminal, id="stories")
        self.caption = Lines(terminal, id="caption")
        self.pane = Lines(terminal, id="pane")
        self.footer = Lines(terminal, id="footer")
        self.pane.can_focus = True
        self.input = Input(compact=True, placeholder="words in the title")
        self.input.cursor_blink = self.input.display = False
        # The minute that was drawn last, where the chosen story stood, and what was in the pane.
        self._minute = 0
        self._place: tuple[int, ...] = ()
        self._opened: tuple[object, ...] = ()

    def draw(self) -> None:
        """
        Show what the board knows; only what differs from what is there goes to the terminal.
        """
        board, (width, height) = self.board, self.size
        self._minute = int(board.clock() // 60)
        self.header.show([draw_header(board, width=width)])
        self._draw_stories(width, height)
        self._draw_pane(width)
        self.footer.show(draw_footer(board, self.terminal, width=width, height=height))

    def _draw_stories(self, width: int, height: int) -> None:
        board, stories = self.board, self.stories
        lines = draw_stories(board, board.shown, self.terminal, width=width)
        if lines:
            # In reverse video, colours would be patches.
            lines[board.place] = Text.assemble((lines[board.place].plain, "reverse"))
        stories.show(lines)
        stories.styles.height = 1 if board.pane and height < HEIGHT_FOR_BOTH else "1fr"
        place = (board.place, width, height, len(board.pane))
        # If it did not move, the mouse may have scrolled it away, and it stays there.
        if place != self._place:
            self.call_after_refresh(stories.scroll_into_view, board.place)
        self._place = place

    def _draw_pane(self, width: int) -> None:
        board, pane = self.board, self.pane
        self.caption.display = pane.display = bool(board.pane)
        if self.focused is not self.input:
            self.set_focus(pane if board.pane else None)
        if not board.pane:
            self._opened = ()
            return
        caption, *lines = draw_pane(board, self.terminal, width=width)
        opened, added = (board.pane, board.chosen), len(lines) - len(pane.lines)
        self.caption.show([caption])
        pane.show(lines)
        if opened != self._opened:
            pane.scroll_home(animate=False)
        elif pane.scroll_offset.y:
            # Who reads on below the newest comment goes on there when another comes.
            pane.scroll_relative(y=added, animate=False)
        self._opened = opened

    def _tick(self) -> None:
        """
        Say how far a poll is that takes its time, and how old things are when a minute is over.
        """
        if self.board.look(self.look()) or self._minute != int(self.board.clock() // 60):
            self.draw()

    def on_load(self) -> None:
        # From Python 3.12 on Textual has all tasks of the loop start at once, and not in their
        # turn. Polls are not made for that, nor is uvloop for what Python 3.13.0 makes of it.
        asyncio.get_running_loop().set_task_factory(self.task_factory)

    def compose(self) -> ComposeResult:
        yield from (self.header, self.stories, self.input, self.caption, self.pane, self.footer)

    def on_mount(self) -> None:
        self.set_interval(INTERVAL, self._tick)
        self.draw()
        self.ready.set()

    def on_resize(self) -> None:
        # The app itself learns its new size after this.
        self.call_later(self.draw)

    def on_click(self, event: events.Click) -> None:
        place = self.stories.scroll_offset.y + int(event.y)
        if event.widget is self.stories and place < len(self.stories.lines):
            self.action_board("choose", place - self.board.place)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.action_board("find", event.value)

    def on_input_submitted(self) -> None:
        self.set_focus(None)

    def action_board(self, name: str, *values: Any) -> None:
        """
        Have the board do something, and show it.
        """
        self.board.message = ""
        getattr(self.board, name)(*values)
        self.draw()

    def action_page(self, direction: int) -> None:
        self.action_board("choose", direction * max(self.stories.size.height - 1, 1))

    def action_browse(self) -> None:
        if story := self.board.chosen_story:
            browse(story.link)
            self.board.message = story.link
            self.draw()

    def action_filter(self) -> None:
        self.input.display = True
        self.set_focus(self.input)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002
        # In the filter a slash is a slash.
        return action != "filter" or self.focused is not self.input

    def action_close(self) -> None:
        """
        Close the pane; the filter if that is being typed, or there is no pane.
        """
        if self.board.pane and self.focused is not self.input:
            self.action_board("toggle", self.board.pane)
        else:
            self.input.display = False
            self.set_focus(None)
            # This has the board find everything.
            self.input.value = ""

    async def action_quit(self) -> None:
        self.stop()

    def action_help_quit(self) -> None:
        # Where Ctrl-C comes as a key, and Textual would explain it.
        signal.raise_signal(signal.SIGINT)


class Lines(ScrollView, can_focus=False):
    """
    Lines that scroll; one that did not change is not drawn again.
    """

    def __init__(self, terminal: Terminal, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.terminal = terminal
        self.lines: list[Text] = []

    def show(self, lines: Iterable[Text]) -> None:
        """
        Show *lines* instead of those that were there.
        """
        old, self.lines = self.lines, [*lines]
        # Nothing is wider than the screen. Of a size that changes Textual draws all anew.
        self.virtual_size = Size(0, len(self.lines))
        for y, (before, now) in enumerate(zip_longest(old, self.lines)):
            if before != now:
                self.refresh_line(y)

    def scroll_into_view(self, y: int) -> None:
        """
        Scroll no further than is needed to see the line *y*.
        """
        top, height = self.scroll_offset.y, self.size.height
        if not top <= y < top + height:
            self.scroll_to(y=min(y, max(y - height + 1, top)), animate=False)

    def render_line(self, y: int) -> Strip:
        """
        Return what stands *y* lines below the upper edge.
        """
        place = self.scroll_offset.y + y
        line = self.lines[place] if place < len(self.lines) else Text(end="")
        segments = line.render(self.app.console)
        strip = Strip(Segment(text, self.terminal.fit(style)) for text, style, _ in segments)
        return strip.adjust_cell_length(self.size.width)


def browse(link: str, environ: Mapping[str, str] = os.environ) -> None:
    """
    Open *link* in a browser, if there is a screen for one here.
    """
    here = sys.platform in {"win32", "darwin"} or {"DISPLAY", "WAYLAND_DISPLAY"} & {*environ}
    if here and "SSH_CONNECTION" not in environ:
        # A browser may take its time, and only a thread waits for it for which nobody waits; it
        # may write what it likes, and has no terminal for that.
        run = functools.partial(
            subprocess.run,
            [sys.executable, "-c", BROWSE, link],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=run, daemon=True).start()
