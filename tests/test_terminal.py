"""The abilities of a terminal, and the lines painted for it."""

import os

import pytest
from rich.cells import cell_len
from rich.text import Text

from hn_comments.output.terminal import DEFAULT_SIZE, Terminal

from .reports import pseudo_terminal, terminal


XTERM = {"TERM": "xterm-256color"}

TITLE = Text("Title", "green link https://example.org", no_wrap=True, overflow="ellipsis")


def of(environ: dict[str, str]) -> Terminal:
    """Return the terminal that *environ* describes."""
    with (
        pseudo_terminal() as (_, program),
        open(program, "w", encoding="utf-8", closefd=False) as stream,
    ):
        return Terminal.of(stream, environ)


@pytest.mark.parametrize(
    ("environ", "painted"),
    [
        (XTERM, "\x1b]8;;https://example.org\x1b\\\x1b[32mTitle\x1b[0m\x1b]8;;\x1b\\"),
        ({**XTERM, "NO_COLOR": "1"}, "\x1b]8;;https://example.org\x1b\\Title\x1b]8;;\x1b\\"),
        ({**XTERM, "NO_COLOR": "1", "FORCE_COLOR": "1", "VTE_VERSION": "4000"}, "Title"),
        ({**XTERM, "VTE_VERSION": "4000"}, "\x1b[32mTitle\x1b[0m"),
        ({"TERM": "linux"}, "\x1b[32mTitle\x1b[0m"),
        ({"TERM": "dumb"}, "Title"),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, "\x1b[32mTitle\x1b[0m"),
        ({}, "Title"),
    ],
)
def test_colour_and_links_where_the_environment_allows_them(
    environ: dict[str, str], painted: str
) -> None:
    """NO_COLOR takes colours away, TERM=dumb everything, and some terminals know no links."""
    assert of(environ).paint(TITLE, width=40) == [painted]


def test_equal_drawings_are_painted_equally() -> None:
    """Lines that did not change are recognised, and not sent again."""
    able = of(XTERM)

    assert able.paint(TITLE.copy(), width=40) == able.paint(TITLE.copy(), width=40)


@pytest.mark.parametrize("text", ["a" * 50, "日本語" * 20, "🎉👩‍💻" * 20])
def test_lines_are_cut_in_cells(text: str) -> None:
    """Wide characters count as two."""
    (line,) = terminal().paint(Text(text, no_wrap=True, overflow="ellipsis"), width=21)

    assert 20 <= cell_len(line) <= 21
    assert "…" in line


def test_an_old_encoding_gets_what_it_knows() -> None:
    """Other characters become "?": escapes would be wider than the screen."""
    ascii_only = terminal(encoding="ascii")

    (line,) = ascii_only.paint(Text("é日" * 20, no_wrap=True, overflow="ellipsis"), width=12)

    assert line.isascii()
    assert len(line) <= 12


def test_size_is_that_of_the_moment() -> None:
    """A window can be resized; a terminal without a size gets the usual one."""
    with pseudo_terminal(columns=132, lines=43) as (_, program):
        import termios  # there is no Windows here

        sized = terminal(program)
        assert sized.size() == (132, 43)

        termios.tcsetwinsize(program, (10, 40))

        assert sized.size() == (40, 10)
        termios.tcsetwinsize(program, (0, 0))
        assert sized.size() == DEFAULT_SIZE
    assert terminal(os.open(os.devnull, os.O_RDONLY)).size() == DEFAULT_SIZE
