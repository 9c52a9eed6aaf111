"""The examples, lists and links of the README and the pages beside it are true."""

import json
import os
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from hn_comments.command.run import EXIT_CODES, EXIT_ERRORS, EXIT_USAGE
from hn_comments.output.formats import COMMENT_FIELDS, STORY_FIELDS
from hn_comments.settings import OPTIONS
from hn_comments.simulator import FAULTS

from .support import REPORT, run


PROJECT = Path(__file__).parent.parent
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
}
README = PAGES["README.md"]

# Where a package index finds the pages of the repository, and its pictures.
WEB = "https://github.com/hn-comments/hn-comments/blob/main/"
RAW = "https://raw.githubusercontent.com/hn-comments/hn-comments/main/"

# All pages of the repository, by their path in it.
DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    *(
        str(path.relative_to(PROJECT))
        for folder in ("docs", ".github", "benchmarks")
        for path in sorted((PROJECT / folder).glob("*.md"))
    ),
]


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


# The command, in whose demo nothing is written while a slow machine still walks.
STANDING_STILL = """
import sys
from hn_comments import engine
engine.DEMO_RATE = 0.0
from hn_comments.__main__ import main
sys.exit(main())
"""


async def printed(*arguments: str) -> str:
    """Return what the command prints."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    command = [sys.executable, "-c", STANDING_STILL]
    _, stdout, _ = await run(*command, *arguments, env=environment)
    return stdout


def example(command: str) -> tuple[list[str], list[str]]:
    """Return the arguments and the output of the README's example that begins so."""
    for block in blocks("console"):
        first, *lines = block.splitlines()
        if first.startswith(f"$ hn-comments {command}"):
            return shlex.split(first)[2:], lines
    raise LookupError(command)


async def test_help_block_is_what_help_says() -> None:
    """The options, to the letter."""
    assert blocks("text") == [await printed("--help")]


async def test_help_of_the_report_is_what_it_says() -> None:
    """To the letter, as that of the program."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}

    _, stdout, _ = await run(*REPORT, "--help", env=environment)

    assert blocks("text", PAGES["report.md"]) == [stdout]


def test_settings_are_listed() -> None:
    """For library users: what each may be, its default, and what it does."""
    rows = "".join(
        f"| `{name}` | {option.kind.what} | `{option.default!r}` | {option.does} |\n"
        for name, option in OPTIONS.items()
    )

    assert f"| --- | --- | --- | --- |\n{rows}\n" in PAGES["library.md"]


def test_exit_codes_are_listed() -> None:
    """The table has every exit code."""
    table = README.split("## Exit codes")[1].split("## Options")[0]
    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for code in row.split(",")
    }

    assert listed == {*EXIT_CODES.values(), EXIT_ERRORS, EXIT_USAGE, 129, 130, 143}


async def test_lines_of_the_demo_are_real() -> None:
    """The demo begins alike each time."""
    arguments, shown = example("--demo --period 5 --limit 5 --polls 2")
    arguments[arguments.index("2")] = "1"

    lines = (await printed(*arguments)).splitlines()

    assert [line[11:] for line in lines] == [line[11:] for line in shown if "comments (1)" in line]


async def test_partial_lines_are_real() -> None:
    """Chance decides which comments the budget reaches, but not the sentence."""
    arguments, shown = example("--demo --once --limit 2 --max-fetches")

    def sentences(lines: list[str]) -> list[str]:
        return [re.sub(r"\d+", "N", line[11:]) for line in lines]

    assert sentences((await printed(*arguments)).splitlines()) == sentences(shown)


async def test_json_lines_are_real() -> None:
    """All fields in their order, and the values that are not times."""
    arguments, shown = example("--demo --once --limit 1 --format json")

    lines = (await printed(*arguments)).splitlines()
    for line, told in zip(lines, shown, strict=True):
        now, then = json.loads(line), json.loads(told)
        assert list(now) == list(then)
        for name in ("type", "id", "title", "comments", "live", "status", "fetches", "errors"):
            assert now.get(name) == then.get(name), name


def test_fields_are_explained() -> None:
    """Every field is in the tables."""
    for field in {*STORY_FIELDS, *COMMENT_FIELDS}:
        assert f"`{field}`" in PAGES["output.md"], field


def test_faults_are_listed() -> None:
    """Every fault is, by its exact name."""
    assert all(f"`{fault}`" in PAGES["simulator.md"] for fault in FAULTS)


def read_links(page: str) -> list[str]:
    """Return the addresses of the links and pictures of a page; code has none."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)", prose)


def anchors_of(page: str) -> set[str]:
    """Return the anchors that GitHub gives the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_work_in_a_clone(document: str) -> None:
    """Links and pictures lead to a file of the clone, and to a heading that it has."""
    path = PROJECT / document
    for link in read_links(path.read_text(encoding="utf-8")):
        assert "github.com/hn-comments" not in link, "an address of ours that may not exist"
        if not link.startswith(("https:", "http:")):
            target, _, anchor = link.partition("#")
            led_to = path.parent / target if target else path
            assert led_to.exists(), link
            assert not anchor or anchor in anchors_of(led_to.read_text(encoding="utf-8")), link


def test_links_work_in_a_package_index() -> None:
    """The build makes whole addresses of them, and changes nothing else."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        hook = tomllib.load(file)["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]

    page = README
    for rule in hook["substitutions"]:
        page = re.sub(rule["pattern"], rule["replacement"], page)

    assert hook["fragments"] == [{"path": "README.md"}]
    assert read_links(page) == [
        link if link.startswith("https:") else (RAW if link.endswith(".svg") else WEB) + link
        for link in read_links(README)
    ]
    assert re.findall(r"```.*?```", page, re.DOTALL) == re.findall(r"```.*?```", README, re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_run(page: str) -> None:
    """Those that need no network run whole; of the others, the imports."""
    for code in blocks("python", PAGES[page]):
        compile(code, page, "exec")
        lines = code.splitlines()
        imports = "\n".join(line for line in lines if line.startswith(("from", "import")))
        local = "demo=True" in code or "Simulator" in code
        exec(compile(code if local else imports, page, "exec"), {"__name__": "example"})  # noqa: S102


@pytest.mark.parametrize("page", PAGES)
def test_other_examples_are_python(page: str) -> None:
    """They need more than this project has, so they are only looked at."""
    for code in blocks("py", PAGES[page]):
        compile(code, page, "exec")


@pytest.mark.parametrize("page", ["README.md", "library.md"])
def test_python_examples_are_typed(page: str) -> None:
    """They are clean under mypy --strict."""
    mypy = pytest.importorskip("mypy.api")

    for code in blocks("python", PAGES[page]):
        output, errors, status = mypy.run(["--strict", "-c", code])
        assert status == 0, output + errors
