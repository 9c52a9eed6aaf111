"""
A file that results are appended to, across restarts, and whatever others do to it meanwhile.

Log rotation renames, deletes or truncates it; a run that was killed leaves half a line; and two
programs may begin it at once.
"""

import contextlib
import csv
import errno
import os
import stat
from collections.abc import Iterator
from io import FileIO


# Bytes read at either end of the file: more than any line has.
GLANCE = 1 << 16


class AppendedFile:
    """
    The file at *path*; an empty one begins with the *header*.

    Raises:
        OSError: if it cannot be written, or begins with something else than *header*.
    """

    def __init__(self, path: str, header: str) -> None:
        self.path = path
        self.header = header
        self._file = self._open()

    def write(self, data: memoryview) -> int | None:
        """
        Append *data*, or the first part of it, to what is at the path now; return how much.
        """
        if self._is_gone():
            self.reopen()
        written = self._file.write(data)
        self._size = self._file.tell() if self._file.seekable() else 0
        return written

    def reopen(self) -> None:
        """
        Close the file, and open what is at the path now.
        """
        self._file.close()
        self._file = self._open()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _is_gone(self) -> bool:
        """
        Return whether the file was renamed, deleted or truncated since it was written last.
        """
        opened = os.fstat(self.fileno())
        if not stat.S_ISREG(opened.st_mode):
            return False
        try:
            found = os.stat(self.path)  # noqa: PTH116 - called for each report
        except FileNotFoundError:
            return True
        return not os.path.samestat(found, opened) or found.st_size < self._size

    def _open(self) -> FileIO:
        file = FileIO(self.path, "ab")
        try:
            with locked(file):
                self._size = file.tell() if file.seekable() else 0
                start = self.header
                if self._size:
                    start = _read_ends(self.path, self._size, self.header)
                file.write(start.encode())
        except OSError:
            file.close()
            raise
        return file


@contextlib.contextmanager
def locked(file: FileIO) -> Iterator[None]:
    """
    Keep other programs of ours from beginning the same file at the same time.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


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
    Return the text that makes *line*, the beginning of one, whole.
    """
    if not header:
        return "\n"
    # An open quote would swallow all later lines, and DuckDB refuses a line that lacks fields.
    quote = '"' if line.count('"') % 2 else ""
    fields = len(next(csv.reader([line + quote])))
    return f"{quote}{',' * (header.count(',') + 1 - fields)}\n"
