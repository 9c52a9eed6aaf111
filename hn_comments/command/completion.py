"""
What a shell needs to complete our options; shtab, an extra, makes it.
"""

import argparse
import sys

from ..errors import how_to_install


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
