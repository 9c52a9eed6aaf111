"""
What people write on a command line: posts, files of arguments, and words that are nearly right.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlsplit

from ..kinds import show


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
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text) or None
    try:
        url = urlsplit(text if "//" in text or text.startswith("/") else f"//{text}")
        if not url.path.strip("/") and url.netloc in ITEM_PAGES:
            url = url._replace(path=url.netloc, netloc="")
        host = url.netloc.lower().removeprefix("www.").partition(":")[0]
        (item_id,) = parse_qs(url.query)["id"]
    except (ValueError, KeyError):
        return None
    ours = url.scheme in {"", "http", "https"} and host in {"", "news.ycombinator.com"}
    if ours and url.path.strip("/") in ITEM_PAGES and re.fullmatch("[0-9]{1,18}", item_id):
        return int(item_id) or None
    return None


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


class Origins(dict[str, str]):
    """
    Which argument came from which line of an @FILE; those of the command line are not in it.
    """

    def of(self, message: str) -> str:
        """
        Return "FILE, line 3: " if *message* is about an argument from there.
        """
        for word in re.findall(r"--?[a-z][\w-]*|'[^']*'", message):
            if origin := self.get(word.strip("'")):
                return f"{origin}: "
        return ""


def expand_files(arguments: Iterable[str], origins: Origins) -> Iterator[str]:
    """
    Yield *arguments*, and for each @FILE those in it, and note in *origins* where they were.

    A file reads like a shell command: several arguments a line, quotes, # comments.

    Raises:
        FileProblem: with the file, the line, and what is wrong.
    """
    for argument in arguments:
        if argument.startswith("@"):
            yield from _read_file(argument[1:], origins, above=())
        else:
            origins.pop(argument.partition("=")[0], None)
            yield argument


def _read_file(name: str, origins: Origins, *, above: tuple[str, ...]) -> Iterator[str]:
    if name in above:
        raise FileProblem(f"@{name} includes itself")
    for number, line in enumerate(_read_lines(name), start=1):
        origin = f"{name}, line {number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError as exc:
            raise FileProblem(f"{origin}: {str(exc).lower()} in {show(line)}") from exc
        for word in words:
            if word.startswith("@"):
                try:
                    yield from _read_file(word[1:], origins, above=(*above, name))
                except FileProblem as exc:
                    raise FileProblem(f"{origin}: {exc}") from exc
            else:
                origins[word.partition("=")[0]] = origin
                yield word


def _read_lines(name: str) -> list[str]:
    from pathlib import Path

    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_FILE + 1)
    # ValueError: a NUL byte in the name, which a line of another file can hold.
    except (OSError, ValueError) as exc:
        problem = exc.strerror if isinstance(exc, OSError) else exc
        raise FileProblem(f"cannot read @{name}: {problem}") from exc
    if len(content) > MAX_FILE:
        raise FileProblem(f"@{name} is larger than {MAX_FILE} bytes")
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise FileProblem(f"{name}, line {line}: not UTF-8 text") from exc
