"""
What people write on a command line: posts, files of arguments, and words that are nearly right.
"""

import codecs
import io
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlsplit


# Pages of the site whose `id` is that of an item.
ITEM_PAGES = frozenset({"item", "context", "latest", "reply"})

# Bytes of an @FILE at most: nobody writes more, but /dev/zero has more.
MAX_FILE = 1 << 20


class FileProblem(Exception):
    """
    An @FILE cannot be used.
    """


def post(text: str) -> int | None:
    """
    Return the id in "8863", or in the address of an item's page; None if there is none.

    Addresses are as a browser shows them, as people shorten them, and as the site links.
    """
    text = text.strip()
    if not re.fullmatch("[0-9]+", text):
        text = _item_id(text)
    return int(text) or None if re.fullmatch("[0-9]{1,18}", text) else None


def _item_id(address: str) -> str:
    """
    Return the `id` in the address of an item's page; nothing if it is none.
    """
    # "item?id=8863" has no host, which a parser can know by its slash only.
    page = address.partition("?")[0].strip("/")
    try:
        url = urlsplit(address if "//" in address or page in ITEM_PAGES else f"//{address}")
        (item_id,) = parse_qs(url.query)["id"]
    except (ValueError, KeyError):
        return ""
    host = url.netloc.lower().removeprefix("www.").partition(":")[0]
    ours = url.scheme in {"", "http", "https"} and host in {"", "news.ycombinator.com"}
    return item_id if ours and url.path.strip("/") in ITEM_PAGES else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """
    Return ": did you mean ...?" with what is most like *word*, or nothing.
    """
    # Imported for a mistake only, so that nobody else waits for it.
    import difflib

    known = list(known)
    longer = [name for name in known if len(word) > 3 and name.startswith(word)]
    near = longer or difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f": did you mean {near[0]}?" if near else ""


def expand_files(
    words: Iterable[str],
    origins: dict[str, str],
    *,
    origin: str = "",
    above: tuple[str, ...] = (),
) -> Iterator[str]:
    """
    Yield *words*, and for each @FILE those in it; note in *origins* where each word stands.

    A file reads like a shell command: several words a line, quotes, # comments. argparse, too,
    can read files, but names none in its messages, and many are a traceback to it: those that
    include themselves, have no end, are not UTF-8, or lack a quote.

    Raises:
        FileProblem: with the file, the line, and what is wrong.
    """
    for word in words:
        if word.startswith("@"):
            yield from _read_words(word[1:], origins, origin=origin, above=above)
        else:
            origins[word.partition("=")[0]] = origin
            yield word


def _read_words(
    name: str, origins: dict[str, str], *, origin: str, above: tuple[str, ...]
) -> Iterator[str]:
    if name in above:
        raise FileProblem(f"{origin}@{name} includes itself")
    for number, line in enumerate(_read_lines(name, origin), start=1):
        here = f"{name}, line {number}: "
        try:
            words = [*split(line.decode())]
        except UnicodeDecodeError as exc:
            raise FileProblem(f"{here}not UTF-8 text") from exc
        except ValueError as exc:
            # The line is not shown: it may hold a password.
            raise FileProblem(f"{here}{str(exc).lower()}") from exc
        yield from expand_files(words, origins, origin=here, above=(*above, name))


def split(line: str) -> Iterator[str]:
    """
    Yield the words of *line* as a shell does: a # begins a comment only where a word begins.

    To `shlex.split(comments=True)` the "#channel" of an address is a comment, too.

    Raises:
        ValueError: if a quotation or an escape does not end.
    """
    stream = io.StringIO(line)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    while (rest := line[stream.tell() :].lstrip(lexer.whitespace)) and not rest.startswith("#"):
        if (word := lexer.get_token()) is not None:
            yield word


def _read_lines(name: str, origin: str) -> list[bytes]:
    # Imported for an @FILE only, as above.
    from pathlib import Path

    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_FILE + 1)
    # ValueError: a NUL byte in the name, which a line of another file can hold.
    except (OSError, ValueError) as exc:
        problem = exc.strerror if isinstance(exc, OSError) else exc
        raise FileProblem(f"{origin}cannot read @{name}: {problem}") from exc
    if len(content) > MAX_FILE:
        raise FileProblem(f"{origin}@{name} is larger than {MAX_FILE} bytes")
    return content.removeprefix(codecs.BOM_UTF8).splitlines()
