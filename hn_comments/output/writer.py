"""
Write lines in a thread of its own, so that a slow reader holds up nothing else.

A pipe that is full blocks whoever writes to it, for as long as its reader likes. Here that
is a thread that nobody waits for: polls go on, and a signal still ends the program.
"""

import collections
import csv
import errno
import select
import signal
import threading
from collections.abc import Callable
from io import FileIO, RawIOBase
from typing import BinaryIO, TextIO


# Bytes at either end of a file that are read to see how it can go on. Lines are shorter.
GLANCE = 1 << 16


class Writer:
    """
    Writes texts to streams, in the order in which they were given.

    One thread for all streams keeps the order also where two of them are one terminal. It
    is a daemon: where it is blocked at the end, the program ends nevertheless.
    """

    def __init__(self) -> None:
        self.backlog = 0
        self._texts: collections.deque[tuple[Stream, bytes]] = collections.deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="writer", daemon=True).start()

    def put(self, stream: "Stream", data: bytes) -> None:
        """
        Have *data* written to *stream*; never wait for that.
        """
        with self._changed:
            self._texts.append((stream, data))
            self.backlog += len(data)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """
        Return whether all is written, after *seconds* at the latest.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self.backlog, seconds)

    def _run(self) -> None:
        # Signals are the main thread's business; its waiting must end when one comes.
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
                stream, data = self._texts.popleft()
            stream.write_now(data)
            with self._changed:
                self.backlog -= len(data)
                self._changed.notify_all()


class Stream:
    """
    A text file to write to, by way of *writer*.

    The first *error* ends it: it is told to *on_error*, in the writer's thread, and what
    comes later is dropped. *given* and *written* count bytes.
    """

    def __init__(
        self,
        writer: Writer,
        raw: RawIOBase | BinaryIO,
        *,
        encoding: str = "utf-8",
        on_error: Callable[[OSError], object] = lambda _: None,
    ) -> None:
        self.error: OSError | None = None
        self.given = self.written = 0
        self._writer = writer
        self._raw = raw
        self._encoding = encoding
        self._on_error = on_error

    def write(self, text: str) -> int:
        """
        Have *text* written soon.
        """
        # A title that the terminal's encoding does not know must not end the program.
        data = text.encode(self._encoding, "backslashreplace")
        self.given += len(data)
        self._writer.put(self, data)
        return len(text)

    def flush(self) -> None:
        """
        Do nothing: nothing is held back.
        """

    def write_now(self, data: bytes) -> None:
        """
        Write all of *data*, however long that takes.
        """
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                written = self._raw.write(rest)
                if written is None:
                    # Somebody made the pipe non-blocking, and it is full.
                    select.select([], [self._raw], [])
                else:
                    self.written += written
                    rest = rest[written:]
        except OSError as exc:
            self.error = exc
            self._on_error(exc)


def stream_to(
    file: TextIO | None,
    writer: Writer,
    *,
    on_error: Callable[[OSError], object] = lambda _: None,
) -> Stream | None:
    """
    Return a stream to stdout or stderr, or None if it was closed when the program started.
    """
    if file is None:
        return None
    # Below Python's buffer, which would lose what a non-blocking pipe does not take at once,
    # and which with -u is not there.
    raw = getattr(file.buffer, "raw", file.buffer)
    return Stream(writer, raw, encoding=file.encoding, on_error=on_error)


def open_to_append(path: str, header: str) -> tuple[FileIO, str]:
    """
    Open a file of results, and return what has to stand in it before the next line.

    That is the *header* in an empty file, and the end of a line where a run was killed in
    the middle of one.

    Raises:
        OSError: if it cannot be written, or holds something else than what *header* says.
    """
    file = FileIO(path, "ab")
    try:
        size = file.tell() if file.seekable() else 0
        return file, _read_ends(path, size, header) if size else header
    except OSError:
        file.close()
        raise


def _read_ends(path: str, size: int, header: str) -> str:
    with FileIO(path) as file:
        begin = file.read(GLANCE)
        if header and not begin.startswith(header.encode()):
            raise OSError(errno.EINVAL, "its first line is not the header of this CSV")
        file.seek(max(0, size - GLANCE))
        line = file.read(GLANCE).rpartition(b"\n")[2]
    return _end_of(line.decode(errors="replace"), header) if line else ""


def _end_of(line: str, header: str) -> str:
    """
    Return what makes a whole line of the beginning of one.
    """
    if not header:
        return "\n"
    # A quote that is still open would swallow all that follows, and DuckDB wants all fields.
    quote = '"' if line.count('"') % 2 else ""
    fields = len(next(csv.reader([line + quote])))
    return f"{quote}{',' * (header.count(',') + 1 - fields)}\n"
