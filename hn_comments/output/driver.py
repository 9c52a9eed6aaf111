"""
The terminal of the live table, as a driver of Textual: opened anew, and without blocking.

Textual's own driver has the event loop wait where a terminal takes nothing (Ctrl-S, a slow
line), wants stdin and stderr to be that terminal, too, and takes Ctrl-C for a key. Here polls
go on, signals stay signals, and what is not written yet gives way to what is newer.
"""

import codecs
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from .terminal import Terminal


# Alternate screen, no cursor, no wrapping at the right edge; the mouse's buttons and wheel, but
# not its moves; pasted text marked as such. And all that undone, after the end (CAN) of a
# sequence that was cut in two: it would take the next characters with it.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[H\x1b[2J"
LEAVE = "\x18\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?25h\x1b[?1049l"

# Seconds that leaving waits for a terminal that takes nothing.
LEAVE_TIMEOUT = 0.3

# Bytes that may wait to be written. Beyond that drawings are left out, and when there is room
# again the whole screen is drawn.
ROOM = 8192

# Bytes read from the keyboard at once; a pasted page takes several readings.
MAX_TYPED = 4096

# Seconds after which Esc was a key, and not the beginning of a sequence.
ESCAPE_DELAY = 0.15


class TerminalDriver(Driver):
    """
    Draws on *terminal*, opened as *fd*, and reads its keys; *on_closed* says that it is gone.

    After `restore`, *rest* is what the terminal has not taken of that.
    """

    def __init__(
        self,
        app: App[Any],
        terminal: Terminal,
        fd: int,
        *,
        on_closed: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(app, **options)
        self.app = app
        self.terminal = terminal
        self.fd = fd
        self.on_closed = on_closed
        self.rest = ""
        self._modes: list[Any] | None = None
        self._unwritten = b""
        self._left_out = False
        self._parser = XTermParser()
        self._decode = codecs.getincrementaldecoder(terminal.encoding)("replace").decode

    def start_application_mode(self) -> None:
        """
        Take over the terminal.
        """
        self._enter()
        self._loop.add_reader(self.fd, self._read)
        self._loop.add_signal_handler(signal.SIGWINCH, self._resize)
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def disable_input(self) -> None:
        """
        Read no more keys.
        """
        self._loop.remove_reader(self.fd)

    def stop_application_mode(self) -> None:
        """
        Give the terminal back as it was.
        """
        self.disable_input()
        for signum in (signal.SIGWINCH, signal.SIGTSTP):
            self._loop.remove_signal_handler(signum)
        self.restore()

    def write(self, data: str) -> None:
        """
        Have *data*, a whole drawing, written as soon as the terminal takes it.
        """
        if len(self._unwritten) > ROOM:
            self._left_out = True
        else:
            self._unwritten += self._encode(data)
            self._flush()

    def restore(self) -> None:
        """
        Show the ordinary screen, with its cursor and modes, in whatever state; without the loop.
        """
        if self._modes is None:
            return
        import termios

        self._loop.remove_writer(self.fd)
        self.rest, self._unwritten, self._left_out = LEAVE, b"", False
        deadline = time.monotonic() + LEAVE_TIMEOUT
        with contextlib.suppress(OSError, termios.error):
            while self.rest and (left := deadline - time.monotonic()) > 0:
                if select.select([], [self.fd], [], left)[1]:
                    self.rest = self.rest[os.write(self.fd, self.rest.encode()) :]
            # Not TCSADRAIN, which waits for ever where Ctrl-S was pressed.
            termios.tcsetattr(self.fd, termios.TCSANOW, self._modes)
        self._modes = None

    def _enter(self) -> None:
        import termios
        import tty

        modes = termios.tcgetattr(self.fd)
        self._modes = [*modes]
        # Keys come one by one and unseen; Ctrl-C and Ctrl-Z stay what they are.
        modes[tty.LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        # Enter is not Ctrl-J.
        modes[tty.IFLAG] &= ~termios.ICRNL
        termios.tcsetattr(self.fd, termios.TCSANOW, modes)
        self.write(ENTER)
        self._resize()

    def _encode(self, text: str) -> bytes:
        text = text if self.terminal.unicode else text.replace("…", "~")
        return text.encode(self.terminal.encoding, "replace")

    def _flush(self) -> None:
        """
        Write what the terminal takes; the rest when it takes more.
        """
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self.fd, self._unwritten) :]
        except BlockingIOError:
            self._loop.add_writer(self.fd, self._flush)
            return
        except OSError:
            self._close()
        self._loop.remove_writer(self.fd)
        if self._left_out:
            self._redraw()

    def _redraw(self) -> None:
        self._left_out = False
        self.app.call_later(self.app.refresh, layout=True)

    def _read(self) -> None:
        try:
            typed = os.read(self.fd, MAX_TYPED)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:
            self._close()
        # An empty text would be the end of the parser.
        elif text := self._decode(typed):
            self._press(self._parser.feed(text))
            self._loop.call_later(ESCAPE_DELAY, lambda: self._press(self._parser.tick()))

    def _press(self, keys: Iterable[Message]) -> None:
        for key in keys:
            self.process_message(key)

    def _close(self) -> None:
        # A terminal that is gone is always ready to be read.
        self._loop.remove_reader(self.fd)
        self._unwritten, self._left_out = b"", False
        self.on_closed()

    def _resize(self) -> None:
        size = Size(*self.terminal.size())
        self.send_message(events.Resize(size, size))

    def _suspend(self) -> None:
        """
        Ctrl-Z: leave the screen to the shell, and come back with `fg`.
        """
        self.restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()
        self._redraw()


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
