"""Comments as plain text, and HTML that is meant to harm."""

import sys

import pytest
from rich.cells import cell_len

from hn_comments.plaintext import (
    CUT,
    MAX_HTML,
    MAX_LINES,
    UNPRINTABLE,
    clean,
    plain_text,
    plain_title,
)

from .support import run


HOSTILE = {
    "nested": "<div>" * 10_000 + "deep",
    "nested links": "<a href=http://x/>" * 10_000 + "deep",
    "misnested": "<a><div>" * 10_000,
    "formatting": "".join(f"<b a={i}>" for i in range(2000)) + "<p>x" * 10_000,
    "unclosed": "<p>a<a href='http://x/" + "y" * 100_000,
    "comments": "<!--" * 100_000,
    "open tags": "<a" * 100_000,
    "open addresses": '<a href="' * 100_000,
    "addresses in a tag": "<a " + 'href="' * 100_000,
    "links without an end": '<a href="http://x/">' * 100_000,
    "code without an end": "<pre>" * 100_000,
    "entities": "&lt;" * 1_000_000,
    "half entities": "&#" * 1_000_000,
    "a huge entity": "&#" + "9" * 100_000 + ";",
    "a huge entity in a link": '<a href="http://&#99999999999;">' + "&#9" + "9" * 9000 + "</a>",
    "declarations": "<![CDATA[" * 100_000,
    "paragraphs": "<p>x" * 100_000,
    "blank lines": "<pre>x" + "\n" * 100_000 + "y",
    "megabytes": "word " * 1_000_000,
    "one word": "日" * 1_000_000,
    "frames": "<frameset>" * 10_000,
    "controls": "&#27;[2J&#x9b;1A\x1b]0;title\x07&#8238;desrever\u202e\ud800&#xD800;\r\n\x00",
}


# An address is decoded once: what it holds may look like an entity.
LITERAL = '(https://a.org/"&amp;)'


def test_a_comment_as_hacker_news_sends_it() -> None:
    """Paragraphs, entities, emphasis; links by their address, code with its indentation."""
    html = (
        "It&#x27;s <i>so</i> &lt;b&gt; &amp; more<p>See "
        '<a href="https:&#x2F;&#x2F;example.org&#x2F;long&#x2F;way" rel="nofollow">'
        "https:&#x2F;&#x2F;example.org&#x2F;lo...</a> there.<p><pre><code>  def f():\n"
        "      pass\n</code></pre>\nEnd"
    )

    assert plain_text(html) == (
        "It's so <b> & more\n\n"
        "See https://example.org/long/way there.\n\n"
        "    def f():\n        pass\n\n"
        "End"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://a.org">the docs</a>', "the docs (https://a.org)"),
        ('<a href="https://a.org">a.org</a>', "https://a.org"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ("<a>nowhere</a>", "nowhere"),
        ('(<a href="https://a.org/&quot;&amp;amp;" rel="x">https://a.org/...</a>)', LITERAL),
    ],
)
def test_links_are_kept(html: str, text: str) -> None:
    """An address that a reader can follow stands in the text, once."""
    assert plain_text(html) == text


def test_tabs_in_code_are_spaces() -> None:
    """A tab is a control character, and a space where it stands for one."""
    assert plain_text("<pre>a\tb\n\tc</pre>x\ty") == "    a   b\n        c\n\nx y"


def test_code_without_an_end_is_code() -> None:
    """Code that was cut stays code."""
    assert plain_text("x<pre><code>  a  b\n  c") == "x\n\n    a  b\n    c"


def test_code_keeps_some_cells_beside_its_indentation() -> None:
    """In a window of one cell, too."""
    assert plain_text("<pre>1234567", 1) == "    123456\n    7"


def test_other_tags_are_blanks() -> None:
    """Hacker News sends none; words on both sides of one stay two, and a "<" is no tag."""
    html = "a<li>b</li><!-- c --><TD width=1>d<br/>1 <2 &amp;lt; <i >e</i>f <pre>x<b>y</b></pre>"

    assert plain_text(html) == "a b d 1 <2 &lt; ef\n\n    xy"


def test_titles_are_decoded() -> None:
    """Once, and what they hold of tags and controls stays text."""
    assert plain_title("Why &lt;canvas&gt; &#x27;n&#39; &amp;lt; &#27;[2J<b>?") == (
        "Why <canvas> 'n' &lt; [2J<b>?"
    )
    assert plain_title("&#" + "9" * 10_000 + ";&#128512;") == "\N{REPLACEMENT CHARACTER}\U0001f600"
    assert len(plain_title("&lt;" * 1_000_000)) == MAX_HTML / len("&lt;")


@pytest.mark.parametrize("width", [10, 40, 80])
def test_lines_are_fitted_in_cells(width: int) -> None:
    """Wide characters take two cells; an address is not broken."""
    html = "日本語の長い文章" * 20 + " and 🎉🎉 words " * 20 + "<pre>" + "日x" * 100 + "</pre>"

    lines = plain_text(html, width).splitlines()

    assert max(map(cell_len, lines)) <= width
    address = "https://example.org/" + "x" * 100
    assert address in plain_text(f"see {address} there", width).split()


def test_without_a_width_a_paragraph_is_a_line() -> None:
    """A program that reads the text can fit it itself."""
    assert plain_text("word " * 1000) == " ".join(["word"] * 1000)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [None, 40])
def test_hostile_html_is_bounded(name: str, width: int | None) -> None:
    """The result comes soon, is bounded, and holds no control character."""
    text = plain_text(HOSTILE[name], width)

    assert len(text) <= MAX_HTML + len(CUT) + 2 * MAX_LINES
    assert len(text.splitlines()) <= MAX_LINES + 1
    assert not UNPRINTABLE.search(text.replace("\n", ""))
    assert text.encode()


def test_what_is_cut_says_so() -> None:
    """A reader knows that there was more."""
    assert plain_text("word " * 100_000).endswith("\n" + CUT)
    assert plain_text("<p>x" * (MAX_LINES // 2)).endswith("x")
    assert plain_text("<p>x" * MAX_LINES).endswith("\n" + CUT)


def test_clean_leaves_letters_of_all_scripts() -> None:
    """Only controls are taken out."""
    assert clean("a\x1b[31m\u202eb\x9b\r\n\ud800") == "a[31mb"
    assert clean("日本 עברית 👩‍💻 é") == "日本 עברית 👩‍💻 é"


async def test_text_that_is_not_fitted_imports_no_rich() -> None:
    """A pipe need not wait for rich, which measures cells."""
    code = (
        "import sys; from hn_comments.plaintext import plain_text\n"
        "plain_text('x'); print('rich' in sys.modules)\n"
        "plain_text('x', 40); print('rich' in sys.modules)"
    )

    _, stdout, _ = await run(sys.executable, "-c", code)

    assert stdout.split() == ["False", "True"]


@pytest.mark.parametrize(("more", "lines"), [(0, 1), (1, 2)])
def test_line_may_be_as_wide_as_there_is_room(more: int, lines: int) -> None:
    """Words of 19 and 20 cells, and the blank between them."""
    text = plain_text("a" * 19 + " " + "b" * (20 + more), 40)

    assert len(text.splitlines()) == lines
