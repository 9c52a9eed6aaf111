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
    "display",
    "live",
    "altscreen",
    "table",
    "board",
    "progress",
    "screen",
    "terminal",
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
    "history",
    "figures",
    "archive",
    "recall",
    "database",
    "schema",
    "rows",
    "memory",
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
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found.update(str(name) for name in names if not str(name).startswith("__"))
    return found


def test_modules_import_only_to_their_right() -> None:
    """Following one poll never leads back to where it came from."""
    for position, module in enumerate(ORDER):
        allowed = {*ORDER[position + 1 :], *LEAVES}
        if module in {"cli", "engine"}:
            allowed.add("simulator")

        assert imports_of(PACKAGE / f"{module}.py") <= allowed, module


def test_leaves_import_nothing_of_ours() -> None:
    """Anyone may import them; only the settings ask what they may be."""
    for module in LEAVES:
        allowed = {"limits"} if module == "models" else set()

        assert imports_of(PACKAGE / f"{module}.py") <= allowed, module


def test_every_module_has_its_place() -> None:
    """A new module is put in the picture, or does not exist."""
    modules = {path.stem for path in PACKAGE.glob("*.py")}

    assert modules == {*ORDER, *LEAVES, "__init__"}


def test_simulator_shares_no_code_with_the_client() -> None:
    """A bug in the client is not also in what it is tested against."""
    own = {path.stem for path in (PACKAGE / "simulator").glob("*.py")}

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
