"""What the README shows is true."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from hn_comments.cli import EXIT_CODES, EXIT_ERRORS, EXIT_USAGE
from hn_comments.output import STORY_FIELDS
from hn_comments.simulator import FAULTS

from .support import COMMAND


README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_help_block_is_what_help_says() -> None:
    """The options, to the letter."""
    output = subprocess.run(
        [*COMMAND, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
    )

    assert blocks("text") == [output.stdout]


def test_exit_codes_are_listed() -> None:
    """All that the program can end with."""
    table = README.split("## Exit codes")[1].split("## Options")[0]
    listed = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for code in row.split(",")
    }

    assert listed == {*EXIT_CODES.values(), EXIT_ERRORS, EXIT_USAGE, 129, 130, 143}


def test_output_examples_have_all_fields() -> None:
    """In their order."""
    assert "\n" + ",".join(STORY_FIELDS) + "\n" in README
    for field in STORY_FIELDS:
        assert f'"{field}": ' in README


def test_faults_are_listed() -> None:
    """With their exact names."""
    section = README.split("## The simulator")[1]

    assert all(f"`{fault}`" in section for fault in FAULTS)


@pytest.mark.parametrize("code", [b for b in blocks("python") if "Simulator" in b])
def test_python_examples_run(code: str) -> None:
    """As they stand; the one that asks the real site is only compiled."""
    exec(compile(code, "README.md", "exec"), {"__name__": "example"})  # noqa: S102


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_import_what_there_is(code: str) -> None:
    """Their imports work."""
    imports = "\n".join(line for line in code.splitlines() if line.startswith(("from", "import")))
    exec(compile(imports, "README.md", "exec"), {})  # noqa: S102
    compile(code, "README.md", "exec")
