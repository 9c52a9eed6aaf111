"""
A file that is replaced whole.
"""

import os
import secrets
import shutil
from pathlib import Path


def replace_file(path: str, data: bytes) -> None:
    """
    Put *data* at *path*: who reads it meanwhile finds what was there before, or all of this.

    Raises:
        OSError: if that cannot be done; then what was there is there still.
    """
    if Path(path).exists() and not Path(path).is_file():
        # A device or a pipe is written to.
        Path(path).write_bytes(data)
        return
    # What a link leads to is replaced, and not the link.
    target = Path(os.path.realpath(path))
    # Not named after the process: one that was killed has left its file, and another one gets its
    # number. Not `mkstemp` either, which hides a new file from all others.
    temporary = target.with_name(f".hn-comments-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
