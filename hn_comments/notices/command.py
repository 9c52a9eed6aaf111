"""
A program that is run for each notice, without a shell.
"""

import asyncio
import contextlib
import json
import os
import shlex
import sys

from async_timeout import timeout

from ..errors import BadReceiver
from ..models import Notice
from .message import SECONDS_TO_TAKE, NotTaken, collect_facts, word
from .programs import running, send_signal


# Seconds that a program has to end after SIGTERM.
SECONDS_TO_END = 2.0

# Characters of one variable at most: an environment has room for some 100 kB in all.
MAX_VARIABLE = 30_000

# The variable with the addresses of other receivers.
ADDRESSES = "HN_COMMENTS_NOTIFY"


class Command:
    """
    A program that is run for each notice, without a shell.

    It gets the message in HN_TITLE and HN_BODY, the first post in HN_STORY, HN_COMMENTS, HN_LINK
    and HN_THRESHOLD, and all facts as JSON on its standard input, which it need not read.

    Raises:
        BadReceiver: if the command line is no command.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = split(command)
        except ValueError as exc:
            # The command is not shown: it may hold a token.
            raise BadReceiver(f"the command for notices has {str(exc).lower()}") from exc
        self.name = self._words[0]

    async def send(self, notice: Notice) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.PIPE,
                # What it prints is for people, and not for who reads our results.
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment(notice),
                # A group of its own, so that all that it starts can be ended.
                start_new_session=True,
            )
        except OSError as exc:
            raise NotTaken(f"cannot be run: {exc.strerror}") from exc
        running.add(process)
        try:
            async with timeout(SECONDS_TO_TAKE):
                await feed(process, json.dumps(collect_facts(notice)).encode())
                code = await process.wait()
        except TimeoutError as exc:
            raise NotTaken(f"did not end within {SECONDS_TO_TAKE:g} seconds") from exc
        finally:
            try:
                await end(process)
            finally:
                running.discard(process)
        if code:
            raise NotTaken(f"exit code {code}")


def split(command: str) -> list[str]:
    """
    Return the words of a command line, as a shell would.

    Raises:
        ValueError: if a quotation or an escape does not end.
    """
    lexer = shlex.shlex(command, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    if sys.platform == "win32":
        # It stands between folders there, also in quotes.
        lexer.escape = ""
    return [*lexer]


async def feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    """
    Write *data* to a program, which may not read it.
    """
    if process.stdin is None:
        return
    with contextlib.suppress(ConnectionError):
        process.stdin.write(data)
        process.stdin.close()
        # Not drain(): one that does not read does not have to.


async def end(process: asyncio.subprocess.Process) -> None:
    """
    End a program and all that it started, if it has not ended by itself.
    """
    if process.returncode is not None:
        return
    for name in ("SIGTERM", "SIGKILL"):
        send_signal(process, name)
        with contextlib.suppress(TimeoutError):
            async with timeout(SECONDS_TO_END):
                await process.wait()
                return


def environment(notice: Notice) -> dict[str, str]:
    """
    Return what a command finds in its environment: ours, without the other receivers' secrets.
    """
    message = word(notice)
    found = {"HN_TITLE": message.title, "HN_BODY": message.body}
    if notice.crossings:
        first = notice.crossings[0]
        found |= {
            "HN_STORY": str(first.story),
            "HN_COMMENTS": str(first.comments),
            "HN_LINK": first.link,
            "HN_THRESHOLD": first.threshold,
        }
    elif notice.comments:
        comment = notice.comments[0]
        found |= {"HN_STORY": str(comment.story), "HN_LINK": comment.link}
    ours = {key: value for key, value in os.environ.items() if key != ADDRESSES}
    return ours | {key: value.replace("\0", "")[:MAX_VARIABLE] for key, value in found.items()}
