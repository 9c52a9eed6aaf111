"""The tests themselves: they mind neither where nor how they are run."""

import sys
from pathlib import Path

import pytest

from .support import posix_only, run, started


PROJECT = Path(__file__).parent.parent

# One more run of pytest, with as little around it as possible.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]

# What there is on no Windows. Libraries know that, and so does Python itself; but on other
# systems it has its own use for them, so they are taken away after that.
WINDOWS = """
import asyncio, os, signal, sys
import aiohttp, platformdirs, pytest, rich.console
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("SIGCONT", "SIGHUP", "SIGKILL", "SIGSTOP", "SIGTSTP", "SIGWINCH", "pthread_sigmask"):
    delattr(signal, name)
for name in ("geteuid", "getuid", "openpty", "setsid", "setuid", "waitid", "WNOHANG"):
    delattr(os, name)
sys.exit(pytest.main(sys.argv[1:]))
"""


async def test_program_does_not_survive_a_test_that_fails() -> None:
    """It has ended, and was waited for."""
    with pytest.raises(ZeroDivisionError):
        async with started(sys.executable, "-c", "import time; time.sleep(3600)") as process:
            raise ZeroDivisionError

    assert process.returncode


@posix_only
async def test_programs_get_signals_that_pytest_does_not() -> None:
    """As under nohup, or in the background of a script."""
    script = 'trap "" INT HUP; exec "$@"'
    test = "tests/test_cli.py::test_signal_before_the_loop_runs"

    code, stdout, _ = await run("sh", "-c", script, "sh", *PYTEST, test, cwd=PROJECT)

    assert code == 0, stdout


async def test_tests_can_be_collected_without_terminals() -> None:
    """As on Windows, where some are skipped."""
    options = [*PYTEST[3:], "--collect-only", "tests"]

    code, stdout, _ = await run(sys.executable, "-c", WINDOWS, *options, cwd=PROJECT)

    assert code == 0, stdout
    assert " tests collected" in stdout
