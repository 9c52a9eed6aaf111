"""
Open a history for reading only: by somebody who may not write it, or while a program does.
"""

import sqlite3
from pathlib import Path

from ..errors import HistoryError
from .database import (
    DATABASE_ERRORS,
    check_content,
    check_file,
    closed_by_error,
    explain,
    migrate,
    primary_code,
)
from .schema import VERSION


def open_readonly(path: str) -> sqlite3.Connection:
    """
    Return a connection in which a history can be read as it is now, also while others write.

    Raises:
        HistoryError: if it cannot be used. It is as it was in any case.
    """
    check_file(path)
    if not Path(path).exists():
        raise HistoryError(path, "does not exist", "check its name")
    try:
        connection = connect_readonly(path)
    except DATABASE_ERRORS as exc:
        raise explain(path, exc) from exc
    with closed_by_error(connection, path):
        is_old = check_content(connection, path) < VERSION
        return copy_to_memory(connection) if is_old else connection


def copy_to_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """
    Return a copy of a history that is brought to the present version, and close the file.
    """
    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(copy)
    connection.close()
    migrate(copy)
    return copy


def connect_readonly(path: str) -> sqlite3.Connection:
    """
    Return a connection that reads, and leaves no file beside the history that was not there.
    """
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        # Another mode would move a log that a killed process has left into the file.
        return begin_reading(path, "mode=ro")
    try:
        # SQLite makes an empty log to read a file, and may not remove it with mode=ro.
        return begin_reading(path, "mode=rw")
    except sqlite3.OperationalError as exc:
        if primary_code(exc) not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
            raise
        # Nobody can write in its directory, so nobody does.
        return begin_reading(path, "immutable=1")


def begin_reading(path: str, mode: str) -> sqlite3.Connection:
    """
    Return a connection with a read transaction.
    """
    uri = f"{Path(path).absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        # A transaction begins with the first look at the file.
        connection.execute("PRAGMA user_version")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
