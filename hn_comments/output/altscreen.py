"""
A terminal's alternate screen: lines that replace each other, keys, and the way back out.

It has the terminal opened anew, without blocking: neither Ctrl-S nor a slow line holds up the
event loop, and what is not written yet is replaced by what is newer.
"""

import asyncio
import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from .terminal import Terminal


# Alternate screen, no cursor, no wrapping at the right edge; and all that undone.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
ERASE = "\x1b[2J"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"

# Seconds that leaving waits for a terminal that takes nothing (Ctrl-S, a dead line).
LEAVE_TIMEOUT = 1.0

# Bytes read from the keyboard at once: no typist is faster, and a pasted page is no command.
MAX_TYPED = 256

KEYS = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\r": "enter", b"\n": "enter",
}  # fmt: skip

# A key that sends a sequence, or a single character.
KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|[^\x1b]")


class AlternateScreen:
    """
    The screen from `enter` to `leave`; `restore` may be called in any state, and from anywhere.

    *on_key* is called with the name of each key, *on_resize* when there is a new size to draw
    for, *on_closed* when the terminal is gone.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        on_key: Callable[[str], None],
        on_resize: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        self.terminal = terminal
        self.on_key = on_key
        self.on_resize = on_resize
        self.on_closed = on_closed
        self._fd = -1
        self._modes: list[Any] | None = None
        self._lines: Lines | None = None

    def enter(self) -> None:
        """
        Take over the terminal.

        Raises:
            OSError: if it cannot be opened.
        """
        self._fd = open_terminal(self.terminal.fd)
        self._lines = Lines(self._fd, self.terminal.encoding, on_closed=self._closed)
        self._show()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._read)
        loop.add_signal_handler(signal.SIGWINCH, self._redraw)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def leave(self) -> None:
        """
        Give the terminal back as it was.
        """
        if self._fd < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        for signum in (signal.SIGWINCH, signal.SIGTSTP):
            loop.remove_signal_handler(signum)
        self.restore()
        os.close(self._fd)
        self._fd, self._lines = -1, None

    def restore(self) -> None:
        """
        Show the ordinary screen, with its cursor and modes; also for when there is no loop.
        """
        if self._modes is None or self._lines is None:
            return
        import termios

        self._lines.write_now(LEAVE)
        with contextlib.suppress(termios.error):
            # Not TCSADRAIN, which waits for ever where Ctrl-S was pressed.
            termios.tcsetattr(self._fd, termios.TCSANOW, self._modes)
        self._modes = None

    def draw(self, lines: Sequence[str]) -> None:
        """
        Show *lines*, each fitted to the screen.
        """
        if self._lines is not None:
            self._lines.draw(lines)

    def _show(self) -> None:
        import termios
        import tty

        self._modes = termios.tcgetattr(self._fd)
        # Keys come one by one and unseen; Ctrl-C and Ctrl-Z stay what they are.
        tty.setcbreak(self._fd, termios.TCSANOW)
        if self._lines is not None:
            self._lines.clear(ENTER)

    def _read(self) -> None:
        try:
            typed = os.read(self._fd, MAX_TYPED)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:
            self._closed()
        for key in KEY.findall(typed):
            self.on_key(KEYS.get(key) or key.decode("ascii", "replace"))

    def _closed(self) -> None:
        # A terminal that is gone is always ready to be read.
        asyncio.get_running_loop().remove_reader(self._fd)
        self.on_closed()

    def _redraw(self) -> None:
        # After a resize nobody knows what is where.
        if self._lines is not None:
            self._lines.clear(ERASE)
        self.on_resize()

    def _suspend(self) -> None:
        """
        Ctrl-Z: leave the screen to the shell, and come back with `fg`.
        """
        self.restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._show()
        self.on_resize()


class Lines:
    """
    The lines that a screen shows: what is there already is not sent again.
    """

    def __init__(self, fd: int, encoding: str, *, on_closed: Callable[[], None]) -> None:
        self.on_closed = on_closed
        self._fd = fd
        self._encoding = encoding
        self._shown: list[str] = []
        self._newest: list[str] | None = None
        self._unwritten = b""

    def draw(self, lines: Sequence[str]) -> None:
        """
        Show *lines*, now or as soon as the terminal takes them.
        """
        self._newest = list(lines)
        self._flush()

    def clear(self, sequence: str) -> None:
        """
        Forget what is shown; *sequence* erases it.
        """
        self._shown = []
        self._unwritten += sequence.encode()
        self._flush()

    def write_now(self, text: str) -> None:
        """
        Write *text* before anything else happens, if the terminal takes it in a moment.
        """
        # A sequence that was cut in two would take the next characters with it.
        data, self._unwritten, self._newest = self._unwritten + text.encode(), b"", None
        deadline = time.monotonic() + LEAVE_TIMEOUT
        with contextlib.suppress(OSError):
            while data and (left := deadline - time.monotonic()) > 0:
                if select.select([], [self._fd], [], left)[1]:
                    data = data[os.write(self._fd, data) :]

    def _flush(self) -> None:
        """
        Write what the terminal takes; the rest when it takes more.
        """
        loop = asyncio.get_running_loop()
        try:
            while self._unwritten or self._newest is not None:
                if not self._unwritten:
                    self._unwritten = self._changes().encode(self._encoding, "replace")
                self._unwritten = self._unwritten[os.write(self._fd, self._unwritten) :]
        except BlockingIOError:
            loop.add_writer(self._fd, self._flush)
            return
        except OSError:
            self._unwritten, self._newest = b"", None
            self.on_closed()
        loop.remove_writer(self._fd)

    def _changes(self) -> str:
        """
        Return what makes the newest lines of those that are shown.
        """
        newest, self._newest = self._newest or [], None
        shown = self._shown + [""] * (len(newest) - len(self._shown))
        self._shown = newest
        return "".join(
            # Erased before: afterwards the cursor may stand on the last cell, and erase that.
            f"\x1b[{number}H\x1b[2K{line}"
            for number, (line, old) in enumerate(zip(newest, shown, strict=False), 1)
            if line != old
        )


def open_terminal(fd: int) -> int:
    """
    Return a file descriptor of its own for the terminal at *fd*, which does not block.

    Raises:
        OSError: if the terminal cannot be opened.
    """
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(os.ttyname(fd), flags)
    except OSError:
        # After `su` it belongs to somebody else, and in a container it has no name.
        return os.open("/dev/tty", flags)
