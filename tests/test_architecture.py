"""The picture in the design: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import hn_comments


PACKAGE = Path(hn_comments.__file__).parent

# From left to right; a module may import those after it. The simulator stands apart.
ORDER = [
    "__main__",
    "cli",
    "screen.display",
    "screen.live",
    "screen.altscreen",
    "screen.table",
    "screen.board",
    "screen.progress",
    "screen.text",
    "screen.terminal",
    "engine",
    "options",
    "arguments",
    "output",
    "writer",
    "signals",
    "plaintext",
    "poller",
    "stories",
    "posts",
    "changes",
    "comments",
    "history.store",
    "history.figures",
    "history.archive",
    "history.recall",
    "history.database",
    "history.schema",
    "history.rows",
    "memory",
    "discussion",
    "tree",
    "newcomers",
    "replies",
    "totals",
    "proof",
    "fetcher",
    "session",
    "pacer",
    "pace",
    "deadlines",
    "retry",
    "items",
    "addresses",
]
LEAVES = {"limits", "models", "errors", "tasks"}


def imports_of(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].relative_to(PACKAGE).parts
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update(
                ".".join([*folder, str(name)]) for name in names if not str(name).startswith("__")
            )
    return found


def file_of(module: str) -> Path:
    """Return where a module of ours is."""
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def test_modules_import_only_to_their_right() -> None:
    """Following one poll never leads back to where it came from."""
    for position, module in enumerate(ORDER):
        allowed = {*ORDER[position + 1 :], *LEAVES}
        if module in {"cli", "engine"}:
            allowed.add("simulator")

        assert imports_of(file_of(module)) <= allowed, module


def test_leaves_import_nothing_of_ours() -> None:
    """Anyone may import them; only the settings ask what they may be."""
    for module in LEAVES:
        allowed = {"limits"} if module == "models" else set()

        assert imports_of(file_of(module)) <= allowed, module


def test_every_module_has_its_place() -> None:
    """A new module is put in the picture, or does not exist."""
    files = {path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.glob("**/*.py")}
    modules = {".".join(file.parts) for file in files if "simulator" not in file.parts}

    assert {m for m in modules if not m.endswith("__init__")} == {*ORDER, *LEAVES}


def test_simulator_shares_no_code_with_the_client() -> None:
    """A bug in the client is not also in what it is tested against."""
    own = {f"simulator.{path.stem}" for path in (PACKAGE / "simulator").glob("*.py")}

    for path in (PACKAGE / "simulator").glob("*.py"):
        assert imports_of(path) <= own, path


def test_help_and_version_import_nothing_slow() -> None:
    """The shell's completion and the curious need not wait for aiohttp."""
    for option in ("--help", "--version"):
        code = (
            "import sys; from hn_comments.cli import main\n"
            f"try: main([{option!r}])\n"
            "except SystemExit: pass\n"
            "print([m for m in ('aiohttp', 'asyncio', 'rich') if m in sys.modules])"
        )

        output = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert output.stdout.splitlines()[-1] == "[]"
