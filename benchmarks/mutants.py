"""
Change one thing at a time in a copy of the project, and see whether the tests notice.

    python benchmarks/mutants.py [WING ...] [--sample N] [--seed N] [--processes N]

A wing is judged by its own tests only (see WINGS): what no test of the wing notices survives,
whatever the rest of the suite says. Those that run the changed line come first, the fast ones
before the slow ones, then those that start programs, which may run it; the first that fails ends
the round. A survivor is printed as a diff.
"""

import argparse
import ast
import contextlib
import difflib
import itertools
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judging import NOTES, ORDER


PROJECT = Path(__file__).resolve().parent.parent

# The modules of each wing below hn_comments/, and the tests that answer for it. The simulator is
# left out, and so are the looks: what a table or a style changes, an eye should judge.
WINGS = {
    "api": (
        "api/[!p]*.py api/protocol.py",  # without pace and pacer
        (
            "addresses broken_servers connections deadlines fetcher hostile items names protocol"
            " retry room session socket"
        ),
    ),
    "command": ("command/*.py", "check cli environment options package process report signals"),
    "history": ("history/*.py", "history history_memory keeping notices_history report world"),
    "memory": (
        "memory/*.py",
        "changes crossings equivalence lateness maxitem pending proof told world",
    ),
    "notices": ("notices/*.py", "notices notices_history notices_killed"),
    "output": (
        "output/appended.py output/formats.py output/printer.py output/[sw]*.py plaintext.py",
        "appended output plaintext printer quiet screen sentences stamps writer",
    ),
    "pace": ("api/pace*.py", "pace pacer"),
    "poll": (
        "comments.py engine.py news.py poller.py posts.py stories.py tasks.py",
        "cancellation comments engine news poller posts quiet stories tasks world",
    ),
    "service": (
        "service/*.py",
        "report service service_health service_hosts service_life service_metrics service_streams",
    ),
}

# Operators that take each other's place.
PAIRS: list[tuple[Any, Any]] = [
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
]
SWAPS = dict([*PAIRS, *((second, first) for first, second in PAIRS)])

# Seconds that a test has at least, and how many times as long as without a change: one that
# waits for what will never come has noticed.
LEAST, TIMES = 15.0, 5.0

# Seconds that all of them have, where one hangs so that it cannot be ended by itself.
MOST = 900.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    The bytes from *start* to *end* of a module become *text*.

    They are in these *lines*, and those in a function of the lines *around*.
    """

    path: str
    source: bytes
    lines: range
    around: range
    start: int
    end: int
    text: str

    @property
    def changed(self) -> bytes:
        return self.source[: self.start] + self.text.encode() + self.source[self.end :]

    @property
    def diff(self) -> str:
        before, after = (
            text.decode().splitlines(keepends=True) for text in (self.source, self.changed)
        )
        return "".join(difflib.unified_diff(before, after, self.path, self.path, n=1))


@dataclass(frozen=True, slots=True)
class Baseline:
    """
    What the tests of a wing do without a change: the seconds of each, those that start programs,
    and for each line the tests that run it; "" among them is whoever imports it.
    """

    seconds: dict[str, float]
    starters: set[str]
    runs: dict[str, dict[int, set[str]]]

    def witnesses(self, mutant: Mutant) -> dict[str, float]:
        """
        Return the tests that can notice, the likely ones first, with the seconds each may take.
        """
        runs = self.runs.get(mutant.path, {})
        seeing = set().union(*(runs.get(line, ()) for line in mutant.lines))
        # Python names no line for some statements, such as a `return` that leaves a `with`.
        near = set().union(*(runs.get(line, ()) for line in mutant.around))
        able = self.seconds.keys() & (near | seeing | self.starters)
        order = sorted(
            self.seconds if "" in seeing else able,
            key=lambda test: (test not in seeing, test not in near, self.seconds[test]),
        )
        return {test: LEAST + TIMES * self.seconds[test] for test in order}


def find_mutants(path: str, source: bytes) -> Iterator[Mutant]:
    """
    Yield each change of a module that can be tried.
    """
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    tree = ast.parse(source)
    bodies = [
        range(node.body[0].lineno, (node.end_lineno or 0) + 1)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    for node in find_nodes(tree):
        for old, text in change(node):
            lines = range(old.lineno, (old.end_lineno or old.lineno) + 1)
            around = min((body for body in bodies if lines[0] in body), key=len, default=lines)
            start = starts[lines[0] - 1] + old.col_offset
            end = starts[lines[-1] - 1] + (old.end_col_offset or 0)
            yield Mutant(path, source, lines, around, start, end, text)


def find_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """
    Yield the nodes that may be changed.

    Left out are types, decorators, log lines, what only Windows runs, and format strings, which
    have no positions before Python 3.12.
    """
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.If) and any(
        name in ast.unparse(node.test) for name in ("TYPE_CHECKING", "sys.platform")
    ):
        return
    if isinstance(node, ast.Expr) and ast.unparse(node).startswith("logger."):
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field not in {"annotation", "returns", "decorator_list"}:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from find_nodes(child)


def change(node: Any) -> Iterator[tuple[Any, str]]:
    """
    Yield the parts of a node that can be changed, and what to: comparisons, operators, numbers,
    conditions, and statements that are left out.
    """
    match node:
        case ast.Compare(ops=[op, *more]) if type(op) in SWAPS:
            swapped = ast.Compare(node.left, [SWAPS[type(op)](), *more], node.comparators)
            yield node, f"({ast.unparse(swapped)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SWAPS:
            yield node, f"({ast.unparse(ast.BinOp(left, SWAPS[type(op)](), right))})"
        case ast.BoolOp(op=op, values=values):
            yield node, f"({ast.unparse(ast.BoolOp(SWAPS[type(op)](), values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, f"bool({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, str(value + 1 if value in {0, 1} else value * 10)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield from ((test, "True"), (test, "False"))
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield node, "pass"
        case (
            ast.Delete() | ast.Continue() | ast.Break() | ast.Raise() | ast.Return(value=ast.AST())
        ):
            yield node, "pass"
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield node, "pass"


class Copy:
    """
    A copy of the project in which one thing at a time is changed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=PROJECT, capture_output=True, check=True, text=True)
        for name in filter(None, names.stdout.split("\0")):
            if (PROJECT / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, directory / name)
        # Compiled files are told apart by whole seconds.
        self._times = itertools.count(int(time.time()))

    def mutants(self, pattern: str) -> Iterator[Mutant]:
        for file in sorted(self.directory.glob(pattern)):
            yield from find_mutants(str(file.relative_to(self.directory)), file.read_bytes())

    def write(self, path: str, source: bytes) -> None:
        (self.directory / path).write_bytes(source)
        now = next(self._times)
        os.utime(self.directory / path, (now, now))

    def test(self, tests: list[str], *options: str, limit: float | None, **env: str) -> str:
        """
        Return what pytest says of failed tests, or that it has not ended in time; nothing if all
        have passed.
        """
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no"]
        # Programs that are started elsewhere come from here, too, and not from the project.
        paths = os.pathsep.join(map(str, (self.directory, self.directory / "benchmarks")))
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                [*command, "-p", "no:cacheprovider", "-p", "judging", *options, *tests],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": paths, **env},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                return f"no end in {limit:.0f} seconds"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            lines = output.read().splitlines()
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return "; ".join(failed or lines[-1:] or ["no word"]) if code else ""


def measure(copy: Copy, tests: list[str], processes: int) -> Baseline:
    """
    Return what the tests do without a change.
    """
    notes, covered = copy.directory / "notes.json", copy.directory / ".coverage"
    covered.unlink(missing_ok=True)
    options = ["-n", str(processes), "--cov=hn_comments", "--cov-context=test", "--cov-report="]
    if failed := copy.test(tests, *options, limit=None, **{NOTES: str(notes)}):
        sys.exit(f"The tests fail without a change: {failed}")
    from coverage import CoverageData

    data = CoverageData(str(covered))
    data.read()
    runs: dict[str, dict[int, set[str]]] = {}
    for name in data.measured_files():
        found = data.contexts_by_lineno(name)
        path = str(Path(name).relative_to(copy.directory))
        runs[path] = {line: {c.split("|")[0] for c in found[line]} for line in found}
    noted = json.loads(notes.read_text())
    return Baseline(noted["seconds"], set(noted["starters"]), runs)


def judge(copy: Copy, mutant: Mutant, baseline: Baseline) -> str:
    """
    Return how the tests noticed a mutant; nothing if they did not.
    """
    seconds = baseline.witnesses(mutant)
    if not seconds:
        return ""
    order = copy.directory / "order.json"
    order.write_text(json.dumps(seconds))
    files = sorted({test.partition("::")[0] for test in seconds})
    copy.write(mutant.path, mutant.changed)
    try:
        return copy.test(files, "-x", limit=MOST, **{ORDER: str(order)})
    finally:
        copy.write(mutant.path, mutant.source)


def judge_wing(wing: str, copies: list[Copy], args: argparse.Namespace) -> tuple[int, int]:
    """
    Print what became of each mutant in the sample of a wing; return how many died, of how many.
    """
    paths, names = (text.split() for text in WINGS[wing])
    tests = [f"tests/test_{name}.py" for name in names]
    pool = [mutant for path in paths for mutant in copies[0].mutants(f"hn_comments/{path}")]
    sample = random.Random(args.seed).sample(pool, min(args.sample, len(pool)))
    chosen = {n: m for n, m in enumerate(sample, 1) if not args.only or n in args.only}
    baseline = measure(copies[0], tests, len(copies))
    seconds = sum(baseline.seconds.values())
    print(f"{wing}: {len(chosen)} mutants of {len(pool)}, tests of {seconds:.0f} s", flush=True)
    free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def attempt(number: int) -> bool:
        copy, mutant, begun = free.get(), chosen[number], time.monotonic()
        try:
            noticed = judge(copy, mutant, baseline)
        finally:
            free.put(copy)
        place = f"{wing} {number} {mutant.path}:{mutant.lines[0]}"
        how = f"killed, {noticed}" if noticed else f"SURVIVED\n{mutant.diff}"
        print(f"{place} ({time.monotonic() - begun:.0f} s) {how}", flush=True)
        return bool(noticed)

    with ThreadPoolExecutor(len(copies)) as threads:
        killed = sum(threads.map(attempt, chosen))
    return killed, len(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wings", nargs="*", metavar="WING", help=", ".join(WINGS))
    parser.add_argument("--sample", type=int, default=60, help="mutants of each wing (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (2)")
    parser.add_argument("--only", type=int, nargs="*", help="these numbers of the sample")
    args = parser.parse_args()
    if unknown := set(args.wings) - WINGS.keys():
        parser.error(f"no such wing: {', '.join(sorted(unknown))}")

    results: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        copies = [Copy(Path(scratch) / str(number)) for number in range(args.processes)]
        for wing in args.wings or WINGS:
            results[wing] = judge_wing(wing, copies, args)
    for wing, (killed, tried) in results.items():
        print(f"{wing:10} {killed:4} of {tried:4} killed, {killed / tried:.0%}")


if __name__ == "__main__":
    main()
