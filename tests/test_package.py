"""The package itself: its public names, and a help page of a line each."""

import pydoc
import sys

import hn_comments

from .support import run


def test_help_is_one_line_a_name() -> None:
    """Every public name, in under 120 lines; not a page for each, and a list of modules."""
    page = pydoc.plain(pydoc.render_doc(hn_comments))
    described = {line.split()[0] for line in str(hn_comments.__doc__).splitlines() if line}

    assert set(hn_comments.__all__) - {"__version__"} <= described  # type: ignore[attr-defined]
    assert len(page.splitlines()) < 120
    assert "class " not in page


def test_help_on_a_name_is_its_whole_page() -> None:
    """The text points there."""
    assert "max_running" in pydoc.render_doc(hn_comments.Settings)


async def test_star_import_gives_all_public_names() -> None:
    """In a process of its own, where none of them was used before; aiohttp is not loaded early."""
    code = (
        "import sys, hn_comments; print('aiohttp' in sys.modules)\n"
        "from hn_comments import *; print('aiohttp' in sys.modules)\n"
        "print({*hn_comments.__all__} <= {*globals()} and {*dir(hn_comments)} > {'watch', 'Count'})"
    )

    assert await run(sys.executable, "-c", code) == (0, "False\nTrue\nTrue\n", "")
