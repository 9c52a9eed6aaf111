"""The picture in the design: who may import whom."""

import ast
import os
import sys
from pathlib import Path

import pytest

import hn_comments

from .support import run


PACKAGE = Path(hn_comments.__file__).parent

# Anyone may import these; they import nothing of ours, or what is named below.
LEAVES = {
    "models",
    "errors",
    "events",
    "tasks",
    "durations",
    "kinds",
    "settings",
    "plaintext",
    "files",
}

# The parts on the way of one poll, from the command to a comment, and the wings beside it; each
# with the parts that it may import besides the leaves.
ALLOWED = {
    "__main__": {"command", "simulator"},
    "command": {"engine", "output", "notices", "service", "ways"},
    "ways": {"api"},
    "engine": {"poller", "stories", "posts", "api", "memory", "history", "notices", "simulator"},
    "poller": set(),
    "stories": {"news", "posts", "api", "memory", "history"},
    "news": {"posts", "api", "memory"},
    "posts": {"comments", "api", "memory"},
    "comments": {"api", "memory"},
    "history": {"memory"},
    "notices": set(),
    # The JSON of the port is that of --format json; a report is made of a history.
    "service": {"history", "output"},
    "memory": {"api"},
    "api": set(),
    "output": set(),
    "simulator": set(),
}

# A wing's own package is its face: other parts import only from there. Some wings have none,
# since who needs one module of theirs would wait for all.
WINGS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
WITHOUT_FACE = {"command", "history", "notices", "output", "service"}


def imports_of(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, also inside functions, as "wing.module"."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        # What only a type checker imports.
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].relative_to(PACKAGE).parts
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update(
                ".".join([*folder, str(name)]) for name in names if not str(name).startswith("__")
            )
    return found


def files_of(part: str) -> list[Path]:
    """Return the files of a wing, or of a module in the root."""
    return sorted((PACKAGE / part).glob("*.py")) or [PACKAGE / f"{part}.py"]


def test_every_part_has_its_place() -> None:
    """A new module in the root, or a new wing, is put in the picture, or does not exist."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}

    assert modules | WINGS == ALLOWED.keys() | LEAVES


@pytest.mark.parametrize("part", ALLOWED)
def test_parts_import_only_what_the_picture_shows(part: str) -> None:
    """The way of one poll never leads back."""
    imported = {name.split(".")[0] for path in files_of(part) for name in imports_of(path)}

    assert imported <= {part, *ALLOWED[part], *LEAVES}


def test_leaves_import_nothing_of_ours() -> None:
    """But the settings are of several kinds, and some of those are durations."""
    allowed = {
        "settings": {"kinds"},
        "kinds": {"durations"},
        "models": {"plaintext"},
        "events": {"models"},
    }

    for module in LEAVES:
        assert imports_of(PACKAGE / f"{module}.py") <= allowed.get(module, set()), module


@pytest.mark.parametrize("part", ALLOWED)
def test_nobody_imports_the_inside_of_another_wing(part: str) -> None:
    """A wing shows its face in `__init__`; the rest can change without other wings."""
    inside = {
        name
        for path in files_of(part)
        for name in imports_of(path)
        if "." in name and name.split(".")[0] not in {part, *WITHOUT_FACE}
    }

    assert not inside


@pytest.mark.parametrize("wing", sorted(WINGS))
def test_modules_of_a_wing_import_each_other_in_one_direction(wing: str) -> None:
    """No imports go in a circle."""
    below = {
        path.stem: {name.split(".")[1] for name in imports_of(path) if name.startswith(f"{wing}.")}
        for path in files_of(wing)
        if path.stem != "__init__"
    }

    while below:
        lowest = {module for module, imported in below.items() if not imported & below.keys()}
        assert lowest, f"a circle among {sorted(below)}"
        for module in lowest:
            del below[module]


def test_timeouts_are_all_of_one_kind() -> None:
    """Those of async_timeout, by their plain names."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "asyncio.timeout" not in text, path
        assert "import async_timeout" not in text, path


async def test_help_and_version_import_nothing_slow() -> None:
    """Neither a shell's completion nor a reader of --help waits for aiohttp."""
    for option in ("--help", "--version"):
        code = (
            "import sys; from hn_comments.__main__ import main\n"
            f"try: main([{option!r}])\n"
            "except SystemExit: pass\n"
            "slow = ('aiohttp', 'asyncio', 'html', 'pathlib', 'rich', 'textual')\n"
            "print([m for m in slow if m in sys.modules])"
        )

        # An editable installation has a hook that imports pathlib at the start: -S leaves it out.
        _, stdout, _ = await run(
            sys.executable, "-S", "-c", code, env={"PYTHONPATH": os.pathsep.join(sys.path)}
        )

        assert stdout.splitlines()[-1] == "[]"
