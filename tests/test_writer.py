"""Lines that a thread writes, and files that are continued."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from hn_comments.output.writer import Stream, Writer, stream_to

from .support import DEADLINE, MS


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """Yield both ends of a pipe, unbuffered."""
    read_end, write_end = os.pipe()
    with io.FileIO(read_end, "rb") as reader, io.FileIO(write_end, "wb") as writer:
        yield reader, writer


@posix_only
def test_writing_waits_for_no_reader(pipe: tuple[io.FileIO, io.FileIO]) -> None:
    """All arrives in order once it reads; characters that cannot be encoded are escaped."""
    reader, raw = pipe
    writer = Writer()
    stream = Stream(writer, raw, encoding="ascii")

    for number in range(100):
        stream.write(f"{number} é {'x' * 10_000}\n")
    assert writer.backlog > 500_000
    assert not writer.wait(10 * MS)
    data = b""
    while data.count(b"\n") < 100:
        data += reader.read(1 << 16) or b""

    assert writer.wait(DEADLINE)
    assert writer.backlog == 0
    assert [line.split()[0] for line in data.splitlines()] == [b"%d" % n for n in range(100)]
    assert data.count(rb"\xe9") == 100


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "iso2022_jp"])
def test_encoding_with_a_mark_or_a_state_is_one_text(encoding: str) -> None:
    """One mark at the beginning, and what was switched on is switched off where it has to be."""
    file, writer = io.BytesIO(), Writer()
    stream = Stream(writer, file, encoding=encoding)

    for text in ("one 日本\n", "two\n", "three 日本\n"):
        stream.write(text)

    assert writer.wait(DEADLINE)
    assert file.getvalue().decode(encoding) == "one 日本\ntwo\nthree 日本\n"


@posix_only
def test_first_error_ends_a_stream_alone(pipe: tuple[io.FileIO, io.FileIO]) -> None:
    """It is told once; other streams of the same writer go on."""
    reader, raw = pipe
    other_end, other_raw = os.pipe()
    errors: list[OSError] = []
    writer = Writer()
    broken = Stream(writer, raw, on_error=errors.append)
    with io.FileIO(other_raw, "wb") as other, io.FileIO(other_end, "rb") as rest:
        reader.close()
        for _ in range(3):
            broken.write("nobody reads this\n")
        Stream(writer, other).write("but this\n")

        assert rest.read(100) == b"but this\n"
        assert writer.wait(DEADLINE)
    assert [type(error) for error in errors] == [BrokenPipeError]
    assert broken.error is errors[0]


def test_closed_standard_stream_is_no_stream() -> None:
    """Python has None in its place."""
    assert stream_to(None, Writer()) is None


def test_writer_does_not_keep_the_program_alive() -> None:
    """Its thread is a daemon."""
    Writer()

    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "writer")


@posix_only
def test_signals_are_for_others() -> None:
    """One that reached the writer would not end what the main thread waits for."""
    writer, blocked = Writer(), set[int]()
    writer.add(lambda: blocked.update(signal.pthread_sigmask(signal.SIG_BLOCK, [])), size=1)
    assert writer.wait(DEADLINE)

    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= blocked
