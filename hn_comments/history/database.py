"""
Open the history file: ours, sound and of this version, or refused before it is touched.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import HistoryError, quote
from .schema import APPLICATION_ID, MIGRATIONS, VERSION
from .views import VIEWS


# Bytes of a file that is checked whole when it is opened: a tenth of a second. Damage in a
# larger one is found when it is read.
MAX_CHECKED = 16_000_000

# https://www.sqlite.org/fileformat2.html#the_database_header
MAGIC = b"SQLite format 3\0"
HEADER_SIZE = 100

# What sqlite3 raises. A damaged file can put bytes into SQLite's messages that are no text.
DATABASE_ERRORS = (sqlite3.Error, UnicodeError)

# What to do about a file that is no history.
CHOOSE_ANOTHER = "name another one"


def open_database(path: str) -> sqlite3.Connection:
    """
    Return a connection to the history file, which is created if there is none.

    Raises:
        HistoryError: if the file cannot be used. It is then as it was.
    """
    check_file(path)
    if Path(path).exists() and not os.access(path, os.W_OK):
        raise HistoryError(path, "is read-only", "make it writable, or copy it")
    try:
        # Absolute, so that ":memory:" and "file:..." are names like any other.
        connection = sqlite3.connect(
            os.path.abspath(path),  # noqa: PTH100 - Path.resolve() would follow links
            timeout=0,
            isolation_level=None,
        )
    except DATABASE_ERRORS as exc:
        raise explain(path, exc) from exc
    with closed_by_error(connection, path):
        prepare(connection, path)
    return connection


@contextmanager
def closed_by_error(connection: sqlite3.Connection, path: str) -> Iterator[None]:
    """
    Close *connection* if it cannot be used, and say why.
    """
    try:
        yield
    except DATABASE_ERRORS as exc:
        connection.close()
        raise explain(path, exc) from exc
    except HistoryError:
        connection.close()
        raise


def check_file(path: str) -> None:
    """
    Refuse what SQLite need not even look at.
    """
    file = Path(path)
    if "\0" in path:
        raise HistoryError(path, "has a name that no file can have", CHOOSE_ANOTHER)
    try:
        if file.is_dir():
            raise HistoryError(path, "is a directory", "name a file in it")
        if not file.exists():
            if not file.absolute().parent.is_dir():
                raise HistoryError(path, "is in a directory that does not exist", "create that")
            return
        if not file.is_file():
            raise HistoryError(path, "is no ordinary file", CHOOSE_ANOTHER)
        with file.open("rb") as opened:
            header = opened.read(HEADER_SIZE)
    except OSError as exc:
        problem = f"cannot be read ({exc.strerror})"
        raise HistoryError(path, problem, "check its name and permissions") from exc
    # A process that was killed while it created the file left its journal behind.
    if header and not Path(f"{path}-journal").exists():
        check_header(path, header)


def check_header(path: str, header: bytes) -> None:
    """
    Refuse a file that its first bytes show not to be a history, or a newer one.
    """
    if not header.startswith(MAGIC):
        raise HistoryError(path, "is not an SQLite file", CHOOSE_ANOTHER)
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise HistoryError(path, "is another program's SQLite file", CHOOSE_ANOTHER)
    check_version(path, int.from_bytes(header[60:64], "big"))


def check_version(path: str, version: int) -> None:
    if version > VERSION:
        raise HistoryError(
            path,
            f"has version {version}, this hn-comments knows version {VERSION}",
            "use the newer hn-comments that wrote it",
        )


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """
    Check what is in the file, and bring it to the present version.
    """
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if check_content(connection, path) < VERSION:
        migrate(connection)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        # Not in a new file before its tables: its header must be in the file itself.
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as exc:
        # Another process writes just now; then it has chosen the journal, too.
        if not is_busy(exc):
            raise


def check_content(connection: sqlite3.Connection, path: str) -> int:
    """
    Return the version of the file, if it is sound and not a newer one.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    check_version(path, version)
    if Path(path).stat().st_size <= MAX_CHECKED:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    return int(version)


def migrate(
    connection: sqlite3.Connection,
    steps: Sequence[Sequence[str]] = MIGRATIONS,
    views: Mapping[str, str] = VIEWS,
) -> None:
    """
    Take the steps that the file has not seen, and make its views anew: all or nothing.
    """
    with transaction(connection, "IMMEDIATE"):
        # Another process may have been faster.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for name in views:
            # Before the steps, which may change a table that an old view asks.
            connection.execute(f"DROP VIEW IF EXISTS {name}")
        for step in steps[version:]:
            for statement in step:
                connection.execute(statement)
        for name, query in views.items():
            connection.execute(f"CREATE VIEW {name} AS {query}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(version, len(steps))}")


def explain(path: str, exc: Exception) -> HistoryError:
    """
    Return what SQLite says as a sentence that says what to do.
    """
    code = primary_code(exc)
    if code == sqlite3.SQLITE_READONLY:
        return HistoryError(path, "is read-only", "make it writable, or copy it")
    if code == sqlite3.SQLITE_CANTOPEN:
        return HistoryError(path, "cannot be opened", "check the permissions of its directory")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return HistoryError(path, f"cannot be written ({exc})", "try again when it can")
    return HistoryError(
        path,
        f"is damaged ({quote(str(exc))})",
        "restore a copy, or save what is readable with `sqlite3 FILE .recover` and move it away",
    )


def identify(path: str) -> tuple[int, int] | None:
    """
    Return what tells the file at *path* from others, or None if there is none.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - called before each save
    except OSError:
        return None
    return found.st_dev, found.st_ino


def rename(path: str) -> str:
    """
    Give the file at *path* a name with the time in it, which is free, and return that.

    Raises:
        HistoryError: if that cannot be done.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    names = (f"{path}.{stamp}{suffix}" for suffix in ("", *(f".{n}" for n in range(1, 1000))))
    name = next(name for name in names if not Path(name).exists())
    try:
        Path(path).rename(name)
    except OSError as exc:
        problem = f"is about another world, and cannot be renamed ({exc.strerror})"
        raise HistoryError(path, problem, "move it away") from exc
    return name


def is_busy(exc: BaseException | None) -> bool:
    """
    Return whether another process writes just now.
    """
    if isinstance(exc, HistoryError):
        exc = exc.__cause__
    return primary_code(exc) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_damage(exc: Exception) -> bool:
    return isinstance(exc, UnicodeError) or primary_code(exc) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def primary_code(exc: BaseException | None) -> int:
    """
    Return the result code without its extension: https://www.sqlite.org/rescode.html.
    """
    return int(getattr(exc, "sqlite_errorcode", None) or 0) & 0xFF


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """
    Have everything written, or nothing.
    """
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite ends some of its failures so by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
