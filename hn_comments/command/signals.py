"""
Signals that end the program: how they are caught, and what happens then.
"""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType


# A program that a signal ended has 128 and the signal's number as its exit code.
EXIT_SIGNAL = 128

# By their names: Windows has no SIGHUP.
ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

# Seconds after a signal in which what is still to be written may be: with what it takes Python
# to end, that is one second.
GRACE = 0.75


def catch_signals(handle: Callable[[int, FrameType | None], object]) -> None:
    """
    Have *handle* called by what should end the program.

    Who started it may want a signal to be ignored, as `nohup` does, and that stays so.
    """
    # signal.signal() and not add_signal_handler(), which Windows does not have.
    for signum in ENDING:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, handle)


def has_terminal() -> bool:
    """
    Return whether the program was started in a terminal, which sends SIGHUP when it closes.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def ignore_hangup() -> None:
    """
    Have a SIGHUP end nothing, to the very end: Python forgets handlers before it has ended.

    A terminal that closes sends one, and so do the shell in it and systemd after SIGTERM: that is
    one wish, not impatience.
    """
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def leave_at_once(signum: int, _frame: FrameType | None) -> None:
    """
    End the program as the signal wants it, and clean up nothing.
    """
    os._exit(EXIT_SIGNAL + signum)


class Stopper:
    """
    Stops the program when asked: by `stop`, or cleanly by the first signal.

    A second one leaves at once. Until `connect` there is nothing to clean up, and
    `__main__` answers the first one so.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._signal: int | None = None
        self._signalled_at = 0.0
        self._stop_polling: Callable[[], object] | None = None
        # Called before the program leaves at once, and for a SIGHUP that ends nothing.
        self.on_leaving: Callable[[], object] = lambda: None
        self.on_hangup: Callable[[], object] | None = None

    def connect(self, stop_polling: Callable[[], object]) -> None:
        """
        Have *stop_polling* called, perhaps by another thread, when it is time to stop.
        """
        self._stop_polling = stop_polling
        catch_signals(self._handle_signal)
        if self.stopped:
            stop_polling()

    def stop(self) -> None:
        """
        Stop polling, now or as soon as it starts.
        """
        self.stopped = True
        try:
            if self._stop_polling is not None:
                self._stop_polling()
        except RuntimeError:
            # The loop has just closed: there is nothing left to stop.
            pass

    @property
    def exit_code(self) -> int | None:
        return None if self._signal is None else EXIT_SIGNAL + self._signal

    @property
    def out_of_patience(self) -> bool:
        """
        Whether a signal came, and some time has passed since.
        """
        return self._signal is not None and time.monotonic() > self._signalled_at + GRACE

    def _handle_signal(self, signum: int, frame: FrameType | None) -> None:
        hung_up = signum == getattr(signal, "SIGHUP", None)
        if hung_up and self.on_hangup is not None:
            self.on_hangup()
        elif self._signal is None:
            self._signal = signum
            self._signalled_at = time.monotonic()
            ignore_hangup()
            self.stop()
        elif not hung_up:
            self.on_leaving()
            leave_at_once(signum, frame)
