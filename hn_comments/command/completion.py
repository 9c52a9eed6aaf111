"""
What a shell needs to complete our options; shtab, an extra, makes it.
"""

import argparse
import sys
from pathlib import Path


def print_completion(parser: argparse.ArgumentParser, shell: str) -> None:
    """
    Print a script with which *shell* completes the options of *parser*.
    """
    try:
        import shtab
    except ImportError:
        parser.error(f"argument --print-completion: needs shtab: {how_to_install('shtab')}")
    for action in parser._actions:  # noqa: SLF001
        if action.metavar == "FILE":
            vars(action)["complete"] = shtab.FILE
    sys.stdout.write(f"{shtab.complete(parser, shell=shell)}\n")


def how_to_install(package: str) -> str:
    """
    Return the command that puts *package* into the environment of this program.

    pipx and uv make environments without pip, and leave a note of themselves there.
    """
    place = Path(sys.prefix)
    if (place / "pipx_metadata.json").exists():
        return f"pipx inject {place.name} {package}"
    if (place / "uv-receipt.toml").exists():
        return f"uv pip install --python {sys.executable} {package}"
    return f"{sys.executable} -m pip install {package}"
