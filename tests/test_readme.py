"""What the README and the pages beside it show is true."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from hn_comments.command.run import EXIT_CODES, EXIT_ERRORS, EXIT_USAGE
from hn_comments.output.formats import COMMENT_FIELDS, STORY_FIELDS
from hn_comments.settings import OPTIONS
from hn_comments.simulator import FAULTS

from .support import COMMAND


PROJECT = Path(__file__).parent.parent
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
}
README = PAGES["README.md"]

# Where the README's links lead: they are whole addresses, for package indexes.
ADDRESS = re.compile(
    r"https://(?:github\.com/hn-comments/hn-comments/blob/main"
    r"|raw\.githubusercontent\.com/hn-comments/hn-comments/main)/([^)#\s]+)"
)


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def run(*arguments: str) -> str:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    environment.pop("HN_COMMENTS_API_URL", None)
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env=environment
    ).stdout


def example(command: str) -> tuple[list[str], list[str]]:
    """Return the arguments and the output of the README's example that begins so."""
    for block in blocks("console"):
        first, *lines = block.splitlines()
        if first.startswith(f"$ hn-comments {command}"):
            return shlex.split(first)[2:], lines
    raise LookupError(command)


def test_help_block_is_what_help_says() -> None:
    """The options, to the letter."""
    assert blocks("text") == [run("--help")]


def test_settings_are_listed() -> None:
    """For library users: what each may be, its default, and what it does."""
    rows = "".join(
        f"| `{name}` | {option.kind.what} | `{option.default!r}` | {option.does} |\n"
        for name, option in OPTIONS.items()
    )

    assert f"| --- | --- | --- | --- |\n{rows}\n" in PAGES["library.md"]


def test_exit_codes_are_listed() -> None:
    """All that the program can end with."""
    table = README.split("## Exit codes")[1].split("## Options")[0]
    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for code in row.split(",")
    }

    assert listed == {*EXIT_CODES.values(), EXIT_ERRORS, EXIT_USAGE, 129, 130, 143}


def test_lines_of_the_demo_are_real() -> None:
    """The demo begins alike each time; what grows later depends on the clock."""
    arguments, shown = example("--demo --period 5 --limit 5 --polls 2")
    arguments[arguments.index("2")] = "1"

    lines = run(*arguments).splitlines()

    assert [line[11:] for line in lines] == [line[11:] for line in shown if "comments (1)" in line]


def test_partial_lines_are_real() -> None:
    """Which comments the budget reached is chance; the sentence is not."""
    arguments, shown = example("--demo --once --limit 2 --max-fetches")

    def sentences(lines: list[str]) -> list[str]:
        return [re.sub(r"\d+", "N", line[11:]) for line in lines]

    assert sentences(run(*arguments).splitlines()) == sentences(shown)


def test_json_lines_are_real() -> None:
    """All fields in their order, and the values that are not times."""
    arguments, shown = example("--demo --once --limit 1 --format json")

    for line, told in zip(run(*arguments).splitlines(), shown, strict=True):
        now, then = json.loads(line), json.loads(told)
        assert list(now) == list(then)
        for name in ("type", "id", "title", "comments", "live", "status", "fetches", "errors"):
            assert now.get(name) == then.get(name), name


def test_fields_are_explained() -> None:
    """Each in its place."""
    for field in {*STORY_FIELDS, *COMMENT_FIELDS}:
        assert f"`{field}`" in PAGES["output.md"], field


def test_faults_are_listed() -> None:
    """With their exact names."""
    assert all(f"`{fault}`" in PAGES["simulator.md"] for fault in FAULTS)


def test_links_lead_somewhere() -> None:
    """To a file that there is, from the README and from page to page."""
    for target in ADDRESS.findall(README):
        assert (PROJECT / target).is_file(), target
    for name, page in PAGES.items():
        if name != "README.md":
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", page):
                assert (PROJECT / "docs" / target).exists(), f"{name}: {target}"


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_run(page: str) -> None:
    """Those that need no network as they stand; the others import what there is."""
    for code in blocks("python", PAGES[page]):
        compile(code, page, "exec")
        lines = code.splitlines()
        imports = "\n".join(line for line in lines if line.startswith(("from", "import")))
        local = "demo=True" in code or "Simulator" in code
        exec(compile(code if local else imports, page, "exec"), {"__name__": "example"})  # noqa: S102


@pytest.mark.parametrize("page", ["README.md", "library.md"])
def test_python_examples_are_typed(page: str) -> None:
    """Clean under mypy --strict, for those who use the library so."""
    mypy = pytest.importorskip("mypy.api")

    for code in blocks("python", PAGES[page]):
        output, errors, status = mypy.run(["--strict", "-c", code])
        assert status == 0, output + errors
