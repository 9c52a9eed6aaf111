"""Hostile values of the variables that the libraries below us read: a sentence, or no harm."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from .reports import pseudo_terminal
from .support import COMMAND, eventually
from .terminals import User


def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in such an environment."""
    surroundings = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return subprocess.run(
        [*COMMAND, *options],
        env={**surroundings, **variables},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


DEMO = ("--demo", "--once", "--limit", "1")


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        # What the C library takes for 530 hours, and datetime for too many.
        ("TZ", "UTC+0530", "'UTC+0530' is a day or more from UTC"),
        ("TZ", "UTC+99:99:99", "'UTC+99:99:99' is a day or more from UTC"),
        # What ssl opens as soon as aiohttp is imported.
        ("SSLKEYLOGFILE", "/nonexistent/keys", "cannot write '/nonexistent/keys': No such file"),
        ("SSLKEYLOGFILE", "/", "cannot write '/': Is a directory"),
    ],
)
def test_unusable_variable_is_named(variable: str, value: str, problem: str) -> None:
    """Instead of a traceback, also where there is nothing to encrypt, or no time to show."""
    done = run(*DEMO, "--format", "json", **{variable: value})

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"error: environment variable {variable}: {problem}" in done.stderr
    assert not done.stdout


# Nonsense that does no harm: libraries pass over it, or never come to read it.
HARMLESS = {
    "TZ": "nonsense",
    "SSL_CERT_FILE": "/nonexistent",
    "SSL_CERT_DIR": "/dev/null",
    "OPENSSL_CONF": "/nonexistent",
    "NETRC": "/dev/null/x",
    "COLUMNS": "²",
    "LINES": "-1",
    "TERM": "nonsense",
    "LC_ALL": "nonsense",
    "TMPDIR": "/nonexistent",
    "HOME": "",
    "PYTHONASYNCIODEBUG": "1",
    "AIOHTTP_NO_EXTENSIONS": "1",
    "MULTIDICT_NO_EXTENSIONS": "1",
    "UV_THREADPOOL_SIZE": "nonsense",
    "no_proxy": "[::/999, *., (,,10.0.0.0/99",
    # The demo is on this machine, of which no proxy is asked.
    "http_proxy": "socks5://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
}


def test_other_nonsense_is_harmless() -> None:
    """The demo goes on, and says nothing of it."""
    done = run(*DEMO, **HARMLESS)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Post 4" in done.stdout


# Nonsense that ended the live table, and does no more.
LIVE = {
    "COLUMNS": "99999999999999999999",
    "LINES": "²",
    "TEXTUAL_COLOR_SYSTEM": "nonsense",
    "TEXTUAL_DRIVER": "os:path",
    "TEXTUAL_LOG": "/nonexistent/log",
    "TEXTUAL_THEME": "nonsense",
    "TEXTUAL_FPS": "nonsense",
    "ESCDELAY": "nonsense",
}


async def test_nonsense_is_harmless_to_the_live_table() -> None:
    """It finds the size of the terminal by itself, and is no business of developers."""
    with pseudo_terminal() as (fd, program):
        user = User(fd)
        process = await asyncio.create_subprocess_exec(
            *[*COMMAND, *DEMO, "--live"],
            stdin=program,
            stdout=program,
            stderr=program,
            env={**os.environ, "TERM": "xterm", **LIVE},
        )
        await eventually(lambda: user.read() is not None and process.returncode is not None)
        user.read()

    assert process.returncode == 0, user.received
    assert "Traceback" not in user.received
    assert "1 story" in user.received


def test_key_log_is_written(tmp_path: Path) -> None:
    """A file that can be written is no problem, and is left as ssl leaves it."""
    file = tmp_path / "keys"
    file.write_text("# mine\n")

    done = run(*DEMO, SSLKEYLOGFILE=str(file))

    assert done.returncode == 0, done.stderr
    assert file.read_text().startswith("# mine\n")


def test_proxy_that_cannot_be_used_is_named_with_its_variable() -> None:
    """One knows where to look, and sees no password."""
    done = run("--once", "--api-url", "http://hn.invalid/v0", ALL_PROXY="socks5://u:hunter2@h")

    assert done.returncode == 2
    assert "the proxy '...@h' in ALL_PROXY is not an http:// address" in done.stderr
    assert "hunter2" not in done.stderr
