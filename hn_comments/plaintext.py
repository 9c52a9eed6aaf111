"""
Make plain text of comments and titles, which come over the network as HTML.

Hacker News writes this HTML itself: entities, and the tags p, i, a, pre and code. Only these are
known here; any other tag is a blank. No library does the whole: the parsers (selectolax,
inscriptis) leave links and code to us; html2text and markdownify take seconds for 64 KiB of
"<a<a<a", or overflow the stack. Here time is linear in any text: a pattern ends at the next
tag or at the one after it, and the one for code consumes what it has passed.
"""

import re
import textwrap


# Characters of HTML that are read. The longest comments have some 15,000.
MAX_HTML = 32_768

# Lines of the result, so that ten thousand empty paragraphs do not scroll all else away.
MAX_LINES = 400

# Stands where something was cut off.
CUT = "[...]"

# Cells before a line of code.
CODE_INDENT = "    "

# Cells that text is fitted to at least, so that code keeps some beside its indentation.
MIN_WIDTH = 10

# Controls that move a terminal's cursor or break a line (C0, DEL, C1, line and paragraph
# separators) or turn text around (bidirectional controls, UAX 9), invisible characters that
# can hide something (soft hyphens, invisible operators, tags), and halves of surrogate pairs,
# which JSON can hold but no encoding can write. The joiners U+200C and U+200D stay: Persian,
# the scripts of India and emoji need them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

# Splits a text so that code stands at the odd places.
CODE = re.compile(r"<pre\b[^<>]*>(.*?)(?:</pre>|\Z)", re.DOTALL | re.IGNORECASE)
PARAGRAPH = re.compile(r"</?p\b[^<>]*>", re.IGNORECASE)
LINK = re.compile(r'<a href="([^"<>]*)"[^<>]*>([^<]*)</a>', re.IGNORECASE)
INLINE = re.compile(r"</?(?:a|code|i)\b[^<>]*>", re.IGNORECASE)
OTHER = re.compile(r"<[a-z/!?][^<>]*>", re.IGNORECASE)

# An entity beyond all of Unicode. unescape() raises ValueError for one of 4,301 digits.
NO_CHARACTER = re.compile("&#[0-9]{8,};?")

ADDRESS = ("http://", "https://")


def clean(text: str) -> str:
    """
    Return *text* without the characters that could do more to a terminal than print.
    """
    return UNPRINTABLE.sub("", text)


def plain_title(title: str) -> str:
    """
    Return a title as people read it: its entities decoded, and cleaned.
    """
    return clean(decode(title[:MAX_HTML]))


def first_line(html: str) -> str | None:
    """
    Return the first line of a comment that says something.
    """
    lines = (line.strip() for line in plain_text(html).splitlines())
    return next((line for line in lines if line), None)


def plain_text(html: str, width: int | None = None) -> str:
    """
    Return the text of *html*: paragraphs with a blank line between, links as addresses.

    With a *width*, lines have so many terminal cells at most; an address longer than that
    stays whole, so that it can be clicked. Control characters are gone, but line feeds.
    """
    width = None if width is None else max(width, MIN_WIDTH)
    paragraphs: list[list[str]] = []
    for index, piece in enumerate(CODE.split(html[:MAX_HTML])):
        if index % 2:
            paragraphs.append(fit_code(piece, width))
        else:
            paragraphs += [wrap(paragraph, width) for paragraph in PARAGRAPH.split(piece)]
    lines = "\n\n".join("\n".join(part) for part in paragraphs if any(part)).split("\n")
    if len(lines) > MAX_LINES or len(html) > MAX_HTML:
        lines = [*lines[:MAX_LINES], CUT]
    return "\n".join(lines)


def decode(html: str) -> str:
    """
    Return *html*, in which there are no tags any more, with its entities decoded.
    """
    if "&" not in html:
        return html
    # Imported here because most titles have no entity, and the table of their names is large.
    from html import unescape

    return unescape(NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", html))


def fit_code(html: str, width: int | None) -> list[str]:
    """
    Return the lines of a piece of code, indented; those too long are broken anywhere.
    """
    code = textwrap.dedent(decode(OTHER.sub("", html)).expandtabs(4)).strip("\n")
    lines = [clean(line).rstrip() for line in code.split("\n")]
    if width is not None:
        lines = [piece for line in lines for piece in fold(line, width - len(CODE_INDENT))]
    return [f"{CODE_INDENT}{line}" if line else "" for line in lines]


def wrap(html: str, width: int | None) -> list[str]:
    """
    Return the lines of a paragraph, broken between words.
    """
    text = decode(OTHER.sub(" ", INLINE.sub("", LINK.sub(name_link, html))))
    words = [word for word in map(clean, text.split()) if word]
    if width is None:
        return [" ".join(words)]
    from rich.cells import cell_len

    lines: list[str] = [""]
    for word in words:
        whole = word.lstrip("(").startswith(ADDRESS)
        for piece in [word] if whole else fold(word, width):
            longer = f"{lines[-1]} {piece}" if lines[-1] else piece
            if lines[-1] and cell_len(longer) > width:
                lines.append(piece)
            else:
                lines[-1] = longer
    return lines


def name_link(link: re.Match[str]) -> str:
    """
    Return a link as text: the address alone where the text only repeats or shortens it.
    """
    address, text = link.groups()
    target, shown = decode(address), decode(text).strip()
    if not target.startswith(ADDRESS):
        return text
    if target.startswith(shown.removesuffix("...")) or target.endswith(f"//{shown}"):
        return address
    return f"{text} ({address})"


def fold(text: str, width: int) -> list[str]:
    """
    Return *text* in pieces of at most *width* cells, broken anywhere.
    """
    from rich.cells import chop_cells

    return chop_cells(text, width) or [text]
