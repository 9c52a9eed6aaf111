"""Who sits at a pseudo-terminal."""

import codecs
import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyte
import pytest


def modes_of(fd: int) -> list[Any]:
    """Return the modes of a terminal."""
    termios = pytest.importorskip("termios")
    modes: list[Any] = termios.tcgetattr(fd)
    return modes


class User:
    """Who sits at the terminal: sees what is drawn, and types."""

    def __init__(self, fd: int, columns: int = 80, lines: int = 24) -> None:
        self.fd = fd
        self.received = ""
        self.stopped = 0
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def type(self, keys: str) -> None:
        """Press keys, one after the other."""
        os.write(self.fd, keys.encode())

    def stop(self) -> None:
        """Note that the program was asked to stop."""
        self.stopped += 1

    def read(self) -> str:
        """Return what was written since the last look."""
        new = b""
        with suppress(OSError):
            while select.select([self.fd], [], [], 0)[0] and (data := os.read(self.fd, 65536)):
                new += data
        text = self._decode(new)
        self.received += text
        self._stream.feed(text)
        return text

    @property
    def rows(self) -> list[str]:
        """The lines on the screen."""
        self.read()
        return [row.rstrip() for row in self.screen.display]

    def sees(self, text: str) -> Callable[[], bool]:
        """Return a condition: *text* stands on the screen."""
        return lambda: any(text in row for row in self.rows)
