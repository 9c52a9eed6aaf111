"""A file of results that is continued, and what others do to it meanwhile."""

import os
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hn_comments.output.appended import AppendedFile

from .support import outcome, started


HEADER = "poll,title\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts"


def append(file: AppendedFile, line: str) -> None:
    """Write a line as the writer does it."""
    data = memoryview(line.encode())
    while data:
        data = data[file.write(data) :]


@pytest.mark.parametrize(
    ("content", "header", "start"),
    [
        (None, HEADER, HEADER),
        (b"", HEADER, HEADER),
        (b"", "", ""),
        (b"poll,title\n1,a\n", HEADER, ""),
        (b"poll,title\n1,a", HEADER, "\n"),
        (b'poll,title\n1,"a ""b"" c', HEADER, '"\n'),
        (b'poll,title\n1,"a"', HEADER, "\n"),
        (b"poll,title\n1", HEADER, ",\n"),
        (b'poll,title\n1,"a, b', HEADER, '"\n'),
        (b'{"type": "st', "", "\n"),
        (b"x", "", "\n"),
        (b"x" * 200_000, "", "\n"),
        (b"x" * 200_000 + b"\n", "", ""),
    ],
)
def test_a_file_goes_on_where_it_ended(
    content: bytes | None, header: str, start: str, path: Path
) -> None:
    """It has one header, and no line is glued to half of another."""
    if content is not None:
        path.write_bytes(content)

    AppendedFile(str(path), header).close()

    assert path.read_bytes() == (content or b"") + start.encode()


def test_another_file_is_left_alone(path: Path) -> None:
    """A file that is not ours is not changed."""
    path.write_bytes(b"poll,title,more\n")

    with pytest.raises(OSError, match="its first line is not the header"):
        AppendedFile(str(path), HEADER)

    assert path.read_bytes() == b"poll,title,more\n"


@pytest.mark.parametrize("how", ["rename", "delete", "truncate"])
def test_rotated_file_is_begun_anew(how: str, path: Path) -> None:
    """Each line is in the file that was there when it was written; each file has one header."""
    file = AppendedFile(str(path), HEADER)
    append(file, "1,a\n")
    if how == "rename":
        path.rename(f"{path}.1")
    elif how == "delete":
        path.unlink()
    else:
        os.truncate(path, 0)

    append(file, "2,b\n")
    append(file, "3,c\n")
    file.close()
    AppendedFile(str(path), HEADER).close()

    assert path.read_text(encoding="utf-8") == f"{HEADER}2,b\n3,c\n"
    if how == "rename":
        assert Path(f"{path}.1").read_text(encoding="utf-8") == f"{HEADER}1,a\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
async def test_pipe_is_written_to_as_it_is(path: Path) -> None:
    """Nobody rotates a pipe or a device."""
    os.mkfifo(path)
    async with started("cat", str(path)) as reader:
        file = AppendedFile(str(path), HEADER)
        append(file, "1,a\n")
        file.close()

        assert await outcome(reader) == (0, f"{HEADER}1,a\n", "")


async def test_two_that_begin_at_once_write_one_header(path: Path) -> None:
    """Whichever is first."""
    code = (
        "import sys; from hn_comments.output.appended import AppendedFile\n"
        "print(end='.', flush=True); sys.stdin.read()\n"
        f"AppendedFile({str(path)!r}, {HEADER!r}).close()"
    )
    async with AsyncExitStack() as stack:
        programs = [started(sys.executable, "-c", code, stdin=PIPE) for _ in range(8)]
        runs = [await stack.enter_async_context(program) for program in programs]
        for run in runs:
            assert run.stdout
            assert await run.stdout.read(1)
        for run in runs:
            assert run.stdin
            run.stdin.close()
            assert (await outcome(run))[0] == 0

    assert path.read_text(encoding="utf-8") == HEADER  # noqa: ASYNC240 - nothing else runs
