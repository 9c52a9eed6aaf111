"""
The programs that run for notices, so that the process can end them when it has to leave at once.
"""

import asyncio
import contextlib
import os
import signal
import sys


# They belong to the process.
running: set[asyncio.subprocess.Process] = set()


def send_signal(process: asyncio.subprocess.Process, name: str) -> None:
    """
    Send a program and all that it started a signal.
    """
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, getattr(signal, name))


def kill_programs() -> None:
    """
    Kill the programs that run, and all that they started: nobody would end them later.
    """
    for process in running:
        if process.returncode is None:
            send_signal(process, "SIGKILL")
