"""
Write lines in a thread, so that a slow reader holds up nothing else.

A full pipe blocks its writer for as long as its reader likes. Here it blocks a thread that
nobody waits for: polls go on, and a signal still ends the program.
"""

import codecs
import collections
import functools
import select
import signal
import threading
from collections.abc import Callable
from io import RawIOBase
from typing import BinaryIO, Protocol, TextIO


class Writer:
    """
    Writes texts to streams, in the order in which they were given.

    One thread serves all streams, so that the order is kept where two lead to one terminal.
    It is a daemon, so that the program can end while it is blocked.
    """

    def __init__(self) -> None:
        self.backlog = 0
        # What is to be done, in this order, and how many bytes each of it writes.
        self._jobs: collections.deque[tuple[Callable[[], object], int]] = collections.deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="writer", daemon=True).start()

    def put(self, stream: "Stream", data: bytes) -> None:
        """
        Let the thread write *data* to *stream*, without waiting for it.
        """
        self.add(functools.partial(stream.write_now, data), size=len(data))

    def add(self, job: Callable[[], object], *, size: int = 0) -> None:
        """
        Let the thread do *job*, which writes so many bytes, after all that was given before.
        """
        with self._changed:
            self._jobs.append((job, size))
            self.backlog += size
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """
        Wait until all is written, for at most *seconds*; return whether it is.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self.backlog, seconds)

    def _run(self) -> None:
        # A signal must reach the main thread, or its waiting would not end.
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
                job, size = self._jobs.popleft()
            job()
            with self._changed:
                self.backlog -= size
                self._changed.notify_all()


class Raw(Protocol):
    """
    A file below all buffers. It may write a part, or None where it would block.
    """

    def write(self, data: memoryview, /) -> int | None: ...

    def fileno(self) -> int: ...


class Stream:
    """
    A text file to write to, by way of *writer*.

    The first *error* ends it: *on_error* is called with it, in the writer's thread, and later
    texts are dropped. *given* and *written* count bytes.
    """

    def __init__(
        self,
        writer: Writer,
        raw: Raw | RawIOBase | BinaryIO,
        *,
        encoding: str = "utf-8",
        on_error: Callable[[OSError], object] = lambda _: None,
    ) -> None:
        self.error: OSError | None = None
        self.given = self.written = 0
        self._writer = writer
        self._raw = raw
        # One for the whole stream: some encodings begin with a mark, and some have a state. A
        # title that the encoding does not know must not end the program.
        self._encoder = codecs.getincrementalencoder(encoding)("backslashreplace")
        self._on_error = on_error

    def write(self, text: str) -> int:
        """
        Let the writer's thread write *text*.
        """
        data = self._encoder.encode(text)
        self.given += len(data)
        self._writer.put(self, data)
        return len(text)

    def flush(self) -> None:
        """
        Do nothing: there is no buffer.
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
                    # The pipe is full, and another process made it non-blocking.
                    select.select([], [self._raw], [])
                else:
                    self.written += written
                    rest = rest[written:]
        except OSError as exc:
            self.fail(exc)

    def fail(self, error: OSError) -> None:
        """
        End the stream; the writer's thread calls this.
        """
        self.error = error
        self._on_error(error)


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
    # Below Python's buffer, which loses text if a non-blocking pipe is full. With -u there is
    # no buffer.
    raw = getattr(file.buffer, "raw", file.buffer)
    return Stream(writer, raw, encoding=file.encoding, on_error=on_error)
