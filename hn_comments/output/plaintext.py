"""
Make plain text of what comes over the network: comments are HTML, and nobody's to trust.

The parser is selectolax (MIT), a binding of the engine lexbor: it reads what browsers read,
in linear time for nearly all there is, where Python's own html.parser takes seconds for some
64 KiB. It is imported with the first comment.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# Characters of HTML that are read. The longest comments have some 15,000; deep nesting costs
# its square, which at this length is a tenth of a second at worst.
MAX_HTML = 32_768

# Lines of the result, so that ten thousand empty paragraphs do not scroll all else away.
MAX_LINES = 400

# Stands where something was cut off.
CUT = "[...]"

# Cells before a line of code.
CODE_INDENT = "    "

# Cells that text is fitted to at least, so that code keeps some beside its indentation.
MIN_WIDTH = 10

# What moves a terminal's cursor or breaks a line (C0, DEL, C1, line and paragraph
# separators), what turns text around (bidirectional controls, UAX 9), what takes no place but
# can hide something (soft hyphens, invisible operators, tags), and halves of surrogate pairs,
# which JSON can hold but no encoding can write. The joiners U+200C and U+200D stay: Persian,
# the scripts of India and emoji need them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

# Elements that begin and end a paragraph. Of these Hacker News sends p and pre.
# fmt: off
BLOCKS = frozenset((
    "address", "article", "blockquote", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
    "table", "tr", "ul",
))
# fmt: on

# Elements whose content is not for readers.
HIDDEN = frozenset(("head", "iframe", "noscript", "script", "style", "template", "title"))


def clean(text: str) -> str:
    """
    Return *text* without what could do more to a terminal than print.
    """
    return UNPRINTABLE.sub("", text)


def plain_text(html: str, width: int | None = None) -> str:
    """
    Return the text of *html*: paragraphs with a blank line between, links as addresses.

    With a *width*, lines have so many terminal cells at most; an address longer than that
    stays whole, so that it can be clicked. Control characters are gone, but line feeds.
    """
    if width is not None:
        width = max(width, MIN_WIDTH)
    paragraphs = read_paragraphs(html[:MAX_HTML])
    lines = "\n\n".join(
        "\n".join(paragraph.lines(width)) for paragraph in paragraphs if paragraph.text
    ).splitlines()
    if len(lines) > MAX_LINES or len(html) > MAX_HTML:
        lines = [*lines[:MAX_LINES], CUT]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """
    A paragraph, or a piece of code with its own lines.
    """

    text: str
    code: bool

    def lines(self, width: int | None) -> Iterator[str]:
        """
        Yield the lines, fitted to *width* cells.
        """
        for line in self.text.split("\n"):
            if self.code:
                inner = None if width is None else width - len(CODE_INDENT)
                yield from ((CODE_INDENT + piece).rstrip() for piece in fold(line, inner))
            else:
                yield from wrap(line, width)


def read_paragraphs(html: str) -> list[Paragraph]:
    """
    Return the paragraphs of *html*, cleaned.
    """
    from selectolax.lexbor import LexborHTMLParser

    # The halves of surrogate pairs that JSON can hold have no UTF-8.
    tree = LexborHTMLParser(html.encode(errors="replace").decode())
    reader = Reader()
    node = tree.body
    while node is not None:
        reader.enter(node)
        below = None if node.tag in HIDDEN else node.first_child
        # Up to where there is a next sibling. Not recursive: ten thousand levels are possible.
        while below is None and node is not None:
            reader.leave(node)
            below = node.next
            if below is None:
                node = node.parent
        node = below
    return reader.paragraphs


class Reader:
    """
    Collects paragraphs from the nodes of a tree, as they are entered and left.
    """

    def __init__(self) -> None:
        self.paragraphs: list[Paragraph] = []
        self._parts: list[str] = []
        self._code = 0
        # The address of the link that is open, and the parts that were there before it.
        self._link: tuple[str, int] | None = None

    def enter(self, node: "LexborNode") -> None:
        """
        Take in a text, or what begins with an element.
        """
        tag = node.tag
        if tag == "-text":
            self._parts.append(self._text(node.text_content or ""))
        elif tag == "br":
            self._parts.append("\n")
        elif tag == "a" and self._link is None:
            self._link = ((node.attributes.get("href") or "").strip(), len(self._parts))
        elif tag in BLOCKS:
            self._end_paragraph()
            self._code += tag == "pre"
            if tag == "li":
                self._parts.append("- ")

    def leave(self, node: "LexborNode") -> None:
        """
        Take in what ends with an element; the document itself ends the last paragraph.
        """
        tag = node.tag
        if tag == "a" and self._link is not None:
            address, before = self._link
            text = "".join(self._parts[before:])
            self._parts[before:] = [name_link(text, clean(address))]
            self._link = None
        elif tag in BLOCKS or tag == "body":
            self._end_paragraph()
            self._code -= tag == "pre"

    def _text(self, text: str) -> str:
        if not self._code:
            return clean(re.sub(r"\s+", " ", text))
        return "\n".join(clean(line) for line in text.expandtabs(4).split("\n"))

    def _end_paragraph(self) -> None:
        text = "".join(self._parts)
        if self._code:
            # Blank lines are part of code, a screenful of them is not.
            text = re.sub(r"\n(?: *\n){2,}", "\n\n", textwrap.dedent(text)).strip("\n").rstrip()
        else:
            text = "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))
        if text:
            self.paragraphs.append(Paragraph(text, code=self._code > 0))
        self._parts.clear()
        if self._link is not None:
            self._link = (self._link[0], 0)


def name_link(text: str, address: str) -> str:
    """
    Return a link as text: the address alone where the text only repeats or shortens it.
    """
    shown = text.strip()
    if not shown or not address.startswith(("http://", "https://")):
        return text
    if address.startswith(shown.removesuffix("...")) or address.endswith(f"//{shown}"):
        return address
    return f"{text} ({address})"


def wrap(line: str, width: int | None) -> Iterator[str]:
    """
    Yield *line* in lines of at most *width* cells, broken between words.
    """
    if width is None:
        yield line
        return
    from rich.cells import cell_len

    words: list[str] = []
    used = 0
    for word in line.split():
        address = word.lstrip("(").startswith(("http://", "https://"))
        for piece in (word,) if address else fold(word, width):
            cells = cell_len(piece)
            if words and used + cells > width:
                yield " ".join(words)
                words, used = [], 0
            words.append(piece)
            used += cells + 1
    yield " ".join(words)


def fold(text: str, width: int | None) -> list[str]:
    """
    Return *text* in pieces of at most *width* cells, broken anywhere.
    """
    if width is None:
        return [text]
    from rich.cells import chop_cells

    return chop_cells(text, width) or [text]
