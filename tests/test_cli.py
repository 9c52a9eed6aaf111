"""The command as its users run it: a subprocess, in Python's strictest mode."""

import asyncio
import csv
import json
import os
import re
import signal
import sys
import tomllib
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hn_comments.simulator import Simulator, World

from .support import (
    COMMAND,
    DEADLINE,
    MS,
    SLOW_CALLBACK,
    eventually,
    front_page,
    others_write,
    outcome,
    posix_only,
    run,
    started,
)


PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def running(*arguments: str, **options: Any) -> AbstractAsyncContextManager[Process]:
    """Start the command."""
    return started(*COMMAND, *arguments, **options)


def running_in_shell(script: str, *arguments: str) -> AbstractAsyncContextManager[Process]:
    """Start the command by a script of a shell, in which it is "$@"."""
    return started("sh", "-c", script, "sh", *COMMAND, *arguments)


@asynccontextmanager
async def full_pipe(*, blocking: bool = True) -> AsyncIterator[tuple[int, int]]:
    """Give both ends of a pipe in which little room is left: 4,096 bytes, as empty lines."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write_end, b"\n" * 4096)
    os.set_blocking(write_end, blocking)
    os.read(read_end, 4096)
    try:
        yield read_end, write_end
    finally:
        for end in (read_end, write_end):
            with suppress(OSError):
                os.close(end)


def read_all(read_end: int) -> list[str]:
    """Return the lines that come through a pipe until it is closed, but no empty ones."""
    with open(read_end, encoding="utf-8", closefd=False) as pipe:
        return pipe.read().strip().splitlines()


async def run_command(*arguments: str, **options: Any) -> tuple[int | None, str, str]:
    async with running(*arguments, **options) as process:
        return await outcome(process)


async def test_text_output() -> None:
    """Results on stdout, everything else on stderr."""
    world = front_page(12, 31)
    async with Simulator(world) as simulator:
        code, stdout, stderr = await run_command(
            "--api-url", simulator.url, "--polls", "2", "--period", "3"
        )

    title = (world.items[world.top[0]] or {})["title"]
    lines = re.sub(r"\[\d\d:\d\d:\d\d\] ", "", stdout).splitlines()
    assert code == 0
    assert lines[0] == f"Post {world.top[0]} has 12 comments (1)  {title}"
    assert [line[:1] for line in lines] == ["P"] * 4
    assert re.fullmatch(
        r"""\[..:..:..\] Calculating comments for top 5 stories. \(1\)
\[..:..:..\] Waiting for 3 seconds...
\[..:..:..\] > Calculating comments took [0-9.]+ seconds and 48 fetches
\[..:..:..\] Calculating comments for top 5 stories. \(2\)
\[..:..:..\] > Calculating comments took [0-9.]+ seconds and 3 fetches
""",
        stderr,
    )


async def test_json_of_the_front_page() -> None:
    """The fetches are those that the server saw."""
    async with Simulator(World(stories=3)) as simulator:
        code, stdout, stderr = await run_command(
            "--api-url", simulator.url, "--once", "--format", "json", "--quiet"
        )

    *stories, poll = [json.loads(line) for line in stdout.splitlines()]
    assert (code, stderr) == (0, "")
    assert [story["live"] for story in stories] == [story["descendants"] for story in stories]
    assert poll["fetches"] == simulator.requests
    assert poll["fetches"] == 1 + sum(1 + story["comments"] for story in stories)


async def test_csv_has_one_header() -> None:
    """However many polls there are."""
    async with Simulator(front_page(1)) as simulator:
        arguments = ["--polls", "2", "--period", "0.1", "--format", "csv", "-q"]
        code, stdout, _ = await run_command("--api-url", simulator.url, *arguments)

    assert code == 0
    assert [line.split(",")[0] for line in stdout.splitlines()] == ["poll", "1", "2"]


async def test_demo_has_something_new_to_say() -> None:
    """The main job, without a network."""
    code, stdout, _ = await run_command(
        "--demo", "--period", "2", "--polls", "3", "--format", "json"
    )

    lines = [json.loads(line) for line in stdout.splitlines()]
    assert code == 0
    assert [line["status"] for line in lines] == ["exact"] * 18
    assert any(line.get("new") for line in lines)


async def test_partial_poll_is_exit_code_3() -> None:
    """Done, but something could not be counted."""
    async with Simulator(front_page(30, 30)) as simulator:
        code, stdout, _ = await run_command(
            "--api-url", simulator.url, "--once", "--max-fetches", "20", "-q"
        )

    assert code == 3
    assert stdout.count(" has at least ") == 2
    assert simulator.requests == 20


async def test_nothing_counted_is_exit_code_1() -> None:
    """Although one failed poll is not too many."""
    async with Simulator(front_page(1)) as simulator:
        simulator.fail("topstories", "garbage")
        code, stdout, stderr = await run_command(
            "--api-url", simulator.url, "--once", "--retries", "0"
        )

    assert (code, stdout) == (1, "")
    assert "Poll 1 failed: topstories.json: the answer is not JSON" in stderr
    assert "quitting" not in stderr


async def test_too_many_errors_quit_at_once() -> None:
    """Three failed polls in a row, and not the fourth tick."""
    async with Simulator(front_page(1)) as simulator:
        simulator.fail("topstories", "500")
        code, _, stderr = await run_command(
            "--api-url", simulator.url, "--retries", "0", "--period", "0.3"
        )

    assert code == 1
    *_, why, last = stderr.splitlines()
    assert last[10:] == " Error detected, quitting"
    assert "Stopped by --max-errors 3: 3 failed polls in a row, the last: " in why
    assert "topstories.json: HTTP 500" in why
    assert stderr.count("] Calculating comments") == stderr.count(" failed: ") == 1


async def test_address_without_v0_is_told() -> None:
    """The API answers `null` to paths that it does not know."""
    async with Simulator(front_page(1)) as simulator:
        url = simulator.url.removesuffix("/v0")
        code, _, stderr = await run_command("--api-url", url, "--once")

    assert code == 1
    assert f"topstories.json: the answer of {url} is null: is the /v0 missing?" in stderr


async def test_named_post_by_url() -> None:
    """As copied from a browser."""
    async with Simulator(front_page(4)) as simulator:
        url = f"https://news.ycombinator.com/item?id={simulator.world.top[0]}"
        code, stdout, stderr = await run_command("--api-url", simulator.url, "--once", url)

    assert code == 0
    assert " has 4 comments (1)" in stdout
    assert "Calculating comments for 1 post. (1)" in stderr


async def test_verbose_adds_a_line_per_item() -> None:
    """On stderr."""
    async with Simulator(front_page(4)) as simulator:
        _, stdout, stderr = await run_command("--api-url", simulator.url, "--once", "-v")

    assert len(re.findall(r"Item \d+ has \d kids", stderr)) == 5
    assert len(stdout.splitlines()) == 1


async def test_disputed_count_is_told() -> None:
    """Both numbers, where an exact count and Hacker News differ."""
    world = front_page(4)
    (world.items[world.top[0]] or {})["descendants"] = 5
    async with Simulator(world) as simulator:
        _, _, stderr = await run_command("--api-url", simulator.url, "--once")

    assert f"Post {world.top[0]}: counted 4 live comments, Hacker News says 5" in stderr


ENDING = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """Read lines until one has *text*."""
    assert stream
    async with asyncio.timeout(DEADLINE):
        async for line in stream:
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"no line with {text!r}")


@posix_only
@pytest.mark.parametrize("signum", ENDING)
async def test_signal_stops_cleanly(signum: signal.Signals) -> None:
    """In the middle of a poll: what is finished is reported, and nothing complains."""
    world = front_page(5, 50)
    below = hanging = world.top[1]
    for _ in range(20):
        below, hanging = hanging, world.add_comment(hanging)
    others_write(world)
    async with Simulator(world, latency=20 * MS) as simulator:
        simulator.fail(f"item/{hanging}", "hang")
        async with running("--api-url", simulator.url, "--period", "60", "-v") as process:
            # The deepest that is answered: all else was, some latencies before.
            await line_with(process.stderr, f"Item {below} has 1 kids")
            process.send_signal(signum)
            code, stdout, _ = await outcome(process)
        await eventually(lambda: simulator.in_flight == 0)

    assert code == 128 + signum
    assert f"Post {world.top[0]} has 5 comments (1)" in stdout
    assert f"Post {world.top[1]} has at least 69 comments (1)" in stdout


@posix_only
async def test_ignored_signal_stays_ignored() -> None:
    """As under nohup, or in the background of a script; others still end it."""
    script = 'trap "" INT HUP; exec "$@"'
    async with (
        Simulator(front_page(1)) as simulator,
        running_in_shell(script, "--api-url", simulator.url, "--period", "0.1") as process,
    ):
        await line_with(process.stdout, "(1)")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        polls = simulator.requests
        await eventually(lambda: simulator.requests > polls + 6)
        process.send_signal(signal.SIGTERM)
        code, _, _ = await outcome(process)

    assert code == 143


@posix_only
async def test_second_signal_leaves_at_once() -> None:
    """But a closed terminal says it twice, and means it once."""
    code = """
import os, signal
from hn_comments.command.signals import Stopper
stopper = Stopper()
stopper.connect(lambda: print("stopped"))
for signum in ({}):
    os.kill(os.getpid(), signum)
print(stopper.exit_code)
"""
    outcomes = [
        await run(sys.executable, "-c", code.replace("{}", signums))
        for signums in ("1, 1, 1", "15, 1", "15, 15", "1, 2")
    ]

    assert [stdout.split() for _, stdout, _ in outcomes[:2]] == [
        ["stopped", "129"],
        ["stopped", "143"],
    ]
    assert [code for code, _, _ in outcomes] == [0, 0, 143, 130]


@posix_only
async def test_second_hangup_is_ignored_to_the_very_end() -> None:
    """Also when Python has forgotten all handlers, and has not quite ended."""
    code = """
import builtins, os, signal, sys
from hn_comments.command.signals import Stopper

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), signum=signal.SIGHUP):
        kill(pid, signum)

stopper = Stopper()
stopper.connect(lambda: None)
os.kill(os.getpid(), signal.SIGTERM)
builtins.late = Late()  # Of all modules, this one goes last.
sys.exit(stopper.exit_code)
"""
    assert await run(sys.executable, "-c", code) == (143, "", "")


@posix_only
@pytest.mark.parametrize("module", ["hn_comments.command.options", "aiohttp"])
async def test_signal_before_the_loop_runs(module: str) -> None:
    """While modules are still imported, too, there is no traceback."""
    code = f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from hn_comments.__main__ import main
sys.exit(main())
"""
    assert await run(sys.executable, "-c", code) == (130, "", "")


@posix_only
@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("hn-comments", "hn_comments.command"),
        ("hn-comments", "hn_comments.command.signals"),
        ("hn-comments-report", "hn_comments.command.signals"),
        ("hn-comments-report", "hn_comments.command.report"),
        ("hn-comments-simulator", "hn_comments.command.signals"),
        ("hn-comments-simulator", "hn_comments.simulator.command"),
        ("hn-comments-simulator", "aiohttp"),
    ],
)
async def test_signal_during_the_first_imports(command: str, module: str) -> None:
    """Of what the installed commands begin with."""
    scripts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    start, _, function = scripts[command].partition(":")
    code = f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from {start} import {function}
sys.exit({function}())
"""
    assert await run(sys.executable, "-c", code) == (130, "", "")


@posix_only
async def test_closed_pipe_ends_the_program_quietly() -> None:
    """As in `hn-comments | head -1`."""
    async with (
        Simulator(front_page(1)) as simulator,
        running("--api-url", simulator.url, "--period", "0.2", "-q") as process,
    ):
        assert process.stdout
        assert process.stderr
        await process.stdout.readline()
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        async with asyncio.timeout(DEADLINE):
            code = await process.wait()
        said = SLOW_CALLBACK.sub("", (await process.stderr.read()).decode())

    assert code == 0
    # Where the machine is busy, polls may be skipped.
    assert [line for line in said.splitlines() if "] Skipped " not in line] == []


@posix_only
@pytest.mark.parametrize("stalled", ["stdout", "stderr"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_reader_that_stalls_cannot_keep_it_from_ending(
    stalled: str, signum: signal.Signals
) -> None:
    """A full pipe blocks whoever writes to it, for ever; that is not the loop."""
    async with Simulator(front_page(*[1] * 30)) as simulator, full_pipe() as (_, write_end):
        arguments = ["--api-url", simulator.url, "--period", "0.02", "--limit", "30", "-v"]
        streams = {"stdout": DEVNULL, "stderr": DEVNULL, stalled: write_end}
        async with running(*arguments, **streams) as process:
            await eventually(lambda: simulator.requests > 100)
            process.send_signal(signum)
            code, _, _ = await outcome(process)

    assert code == 128 + signum


@posix_only
@pytest.mark.parametrize("blocking", [True, False])
async def test_slow_reader_gets_every_line(blocking: bool) -> None:  # noqa: FBT001
    """Also where somebody made the pipe non-blocking."""
    async with (
        Simulator(front_page(*[1] * 30)) as simulator,
        full_pipe(blocking=blocking) as (read_end, write_end),
    ):
        arguments = ["--polls", "3", "--period", "0.02", "--limit", "30", "--format", "json"]
        async with running("--api-url", simulator.url, *arguments, stdout=write_end) as process:
            os.close(write_end)
            # The last poll begins, although what the first one found does not fit into the pipe.
            await eventually(lambda: simulator.requests >= 1 + 60 + 3 + 1)
            lines = await asyncio.to_thread(read_all, read_end)
            code, _, _ = await outcome(process)

    assert code == 0
    assert [json.loads(line)["poll"] for line in lines] == [1] * 31 + [2] * 31 + [3] * 31


@posix_only
async def test_stdout_that_is_closed_is_told() -> None:
    """As in `hn-comments >&-`: there is nothing to poll for."""
    async with (
        Simulator(front_page(1)) as simulator,
        running_in_shell('exec "$@" >&-', "--api-url", simulator.url, "--once") as process,
    ):
        code, _, stderr = await outcome(process)

    assert code == 1
    assert stderr.endswith("] Cannot write the results: standard output is closed\n")
    assert not simulator.requests


@posix_only
async def test_stderr_that_is_closed_is_no_reason_to_end() -> None:
    """As in `hn-comments 2>&-`."""
    async with (
        Simulator(front_page(1)) as simulator,
        running_in_shell('exec "$@" 2>&-', "--api-url", simulator.url, "--once") as process,
    ):
        code, stdout, _ = await outcome(process)

    assert (code, stdout.count(" has 1 comments (1)")) == (0, 1)


# Run the command with an event loop, and then see where the closed descriptors lead.
WITHOUT_STREAMS = """
import os, sys
loop, closed, *arguments = sys.argv[1:]
if loop == "asyncio":
    sys.modules["uvloop"] = None
from hn_comments.__main__ import main
code = main(arguments)
nothing = os.stat(os.devnull)
sys.exit(code or sum(not os.path.samestat(os.fstat(int(fd)), nothing) for fd in closed))
"""


@posix_only
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("redirection", "closed"),
    [("<&-", "0"), (">&-", "1"), ("2>&-", "2"), ("<&- >&- 2>&-", "012")],
)
async def test_closed_descriptors_get_no_file_of_ours(
    loop: str, redirection: str, closed: str, tmp_path: Path
) -> None:
    """Whoever writes to stderr would write into it, and libuv aborts when it closes one."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    file = tmp_path / "counts.txt"
    program = [sys.executable, "-c", WITHOUT_STREAMS, loop, closed]
    async with Simulator(front_page(1)) as simulator:
        arguments = ["--api-url", simulator.url, "--once", "--output", str(file)]
        script = f'exec "$@" {redirection}'
        code, stdout, _ = await run("sh", "-c", script, "sh", *program, *arguments)

    assert (code, stdout) == (0, "")
    assert " has 1 comments (1)" in file.read_text(encoding="utf-8")


async def test_output_goes_on_in_its_file(tmp_path: Path) -> None:
    """One header, however many runs; stdout stays empty."""
    file = tmp_path / "counts.csv"
    async with Simulator(front_page(1, 2)) as simulator:
        arguments = ("--once", "--format", "csv", "--output", str(file), "-q")
        outcomes = [await run_command("--api-url", simulator.url, *arguments) for _ in range(2)]

    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert outcomes == [(0, "", "")] * 2
    assert [row["comments"] for row in rows] == ["1", "2"] * 2


async def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    """Is a mistake of the command line, before anything is asked."""
    other = tmp_path / "other.csv"
    other.write_text("something,else\n", encoding="utf-8")
    async with Simulator(front_page(1)) as simulator:
        for file, problem in (
            (tmp_path, "directory"),
            (tmp_path / "no" / "where", "No such file"),
            (other, "its first line is not the header"),
        ):
            arguments = ("--once", "--format", "csv", "--output", str(file))
            code, stdout, stderr = await run_command("--api-url", simulator.url, *arguments)

            assert (code, stdout) == (2, "")
            assert stderr.count("\n") == 1
            assert "] argument --output: cannot append to " in stderr
            assert problem in stderr

    assert not simulator.requests
    assert other.read_text(encoding="utf-8") == "something,else\n"


@posix_only
async def test_full_disk_is_told() -> None:
    """Results that cannot be written end the program with a sentence."""
    async with Simulator(front_page(1)) as simulator:
        with open("/dev/full", "w") as full:  # noqa: ASYNC230, PTH123
            code, _, stderr = await run_command("--api-url", simulator.url, "-q", stdout=full)

    assert code == 1
    assert stderr.endswith("] Cannot write the results: No space left on device\n")


async def test_overlapping_polls_skip_ticks() -> None:
    """A poll slower than the period: two at once, and the rest is counted."""
    async with Simulator(front_page(0), latency=200 * MS) as simulator:
        arguments = ["--period", str(50 * MS), "--polls", "4", "--format", "json"]
        code, stdout, stderr = await run_command("--api-url", simulator.url, *arguments)

    polls = [json.loads(line) for line in stdout.splitlines() if '"poll", "poll"' in line]
    assert code == 0
    assert len(polls) == 4
    assert polls[-1]["skipped"] > 0
    # A machine that is busy may have missed a tick before.
    reason = "2 polls are still running|the program was held up"
    assert re.search(rf"] Skipped .*, ({reason}) \([0-9]+ skipped so far\)", stderr)
