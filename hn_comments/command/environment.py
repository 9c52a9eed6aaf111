"""
Find variables of the environment at which a library would fail with a traceback.

The command was run with hostile values of all variables that its libraries read. The others did
no harm.
"""

import os
import re

from ..kinds import show


# Variables for the size of a terminal. Rich and Textual take "²" for a number.
SIZES = ("COLUMNS", "LINES")

# Variables for those who develop with Textual, which a wrong value ends.
DEVELOPERS = ("TEXTUAL_COLOR_SYSTEM", "TEXTUAL_DRIVER", "TEXTUAL_LOG")


def find_problem() -> str | None:
    """
    Return a sentence about a variable that cannot be used, or None.
    """
    return check_time_zone() or check_key_log()


def drop_nonsense() -> None:
    """
    Remove variables that can be done without, unless they are right.
    """
    for name in SIZES:
        if not re.fullmatch("[0-9]{1,4}", os.environ.get(name, "80")):
            del os.environ[name]
    for name in DEVELOPERS:
        os.environ.pop(name, None)


def check_time_zone() -> str | None:
    """
    Check that times can be shown in the time zone that TZ names.
    """
    from datetime import datetime

    try:
        datetime.now().astimezone()
    except ValueError:
        # The C library reads the number in "UTC+0530" as hours; datetime allows less than 24.
        zone = show(os.environ.get("TZ", ""))
        return f"environment variable TZ: {zone} is a day or more from UTC (hours, then a colon)"
    return None


def check_key_log() -> str | None:
    """
    Check that ssl can open the file SSLKEYLOGFILE, as it does when aiohttp is imported.
    """
    name = os.environ.get("SSLKEYLOGFILE")
    if not name:
        return None
    # Imported here because --help need not wait for it.
    from pathlib import Path

    try:
        Path(name).open("ab").close()
    except OSError as exc:
        return f"environment variable SSLKEYLOGFILE: cannot write {show(name)}: {exc.strerror}"
    return None
