"""The page as a document: complete in itself, and with a policy that lets nothing else in."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hn_comments.service.html import SCRIPTS, STYLES, Page, make_page


FILES = Path(sys.modules[make_page.__module__].__file__ or "").parent / "page"

# What turns text into markup, or into code.
MARKUP = r"(?:inner|outer)HTML|insertAdjacent|document\.write|\beval\(|new Function|Parser"

PAGES = {"live": make_page(), "report": make_page({"title": "</script><b>"})}


class Elements(HTMLParser):
    """Collects the elements of a page: their attributes, and the text right in them."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.is_open = False
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        self.is_open = True

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.is_open = False

    def handle_data(self, data: str) -> None:
        if self.is_open:
            tag, attributes, text = self.found[-1]
            self.found[-1] = tag, attributes, text + data


def texts_of(page: Page, tag: str) -> list[str]:
    """Return the texts of the scripts or styles of a page; data are none."""
    found = Elements(page).found
    return [text for name, attributes, text in found if name == tag and "type" not in attributes]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_policy_allows_the_scripts_and_styles_by_their_hashes(page: Page) -> None:
    """And no other: what somebody puts into the page does not run."""
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    for tag, rule, names in (("script", "script-src", SCRIPTS), ("style", "style-src", STYLES)):
        digests = [hashlib.sha256(text.encode()).digest() for text in texts_of(page, tag)]
        expected = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]

        assert rules[rule].split() == expected
        assert len(expected) == len(names)
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in page.policy
    metas = [attributes for tag, attributes, _ in Elements(page).found if tag == "meta"]
    assert {"http-equiv": "Content-Security-Policy", "content": page.policy} in metas


def test_only_the_live_page_asks_a_server() -> None:
    """Its own."""
    assert "connect-src 'self'" in PAGES["live"].policy
    assert "connect-src 'none'" in PAGES["report"].policy


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_page_loads_nothing(page: Page) -> None:
    """Every picture, style and script is in it, and no element has a script as an attribute."""
    for tag, attributes, _ in Elements(page).found:
        assert "src" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "data:").startswith("data:"), tag
    assert not re.findall(r"@import|url\(", "".join(texts_of(page, "style")))


def test_data_cannot_end_their_element() -> None:
    """Whatever a title is."""
    document = {"title": "</script><!--<script>", "other": "\u2028 & \u00e9"}

    page = make_page(document)

    data = [
        text for _, attributes, text in Elements(page).found if attributes.get("id") == "document"
    ]
    assert [json.loads(text) for text in data] == [document]
    assert "<" not in data[0]


def test_placeholders_in_data_stay_what_they_are() -> None:
    """A title is put into the page once, and not looked into."""
    document = {"title": "<!--[scripts]--> <!--[policy]-->"}

    page = make_page(document)

    assert page.html.count("new uPlot(") == make_page().html.count("new uPlot(")


def test_scripts_set_text_and_nothing_else() -> None:
    """Neither ours nor uPlot."""
    for name in SCRIPTS:
        script = (FILES / name).read_text(encoding="utf-8")
        assert not re.findall(MARKUP, script), name
        assert "</script" not in script, name
        assert "<!--" not in script, name


def test_vendored_files_are_what_was_released() -> None:
    """By the SHA-256 beside them; the version, too, is the one named there."""
    folder = FILES / "uplot"
    note = (folder / "VENDORED.txt").read_text(encoding="utf-8")
    lines = [line.split("  ") for line in note.splitlines() if "  " in line]
    hashes = {name: digest for digest, name in lines}

    assert hashes.keys() == {file.name for file in folder.iterdir()} - {"VENDORED.txt"}
    for name, digest in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    version = note.split()[1].rstrip(",")
    assert f"(v{version})" in (folder / "uPlot.iife.min.js").read_text(encoding="utf-8")[:100]


def test_licence_of_what_is_vendored_is_in_the_page() -> None:
    """As it asks."""
    assert "Copyright (c) 2022 Leon Sorokin" in PAGES["report"].html


def test_every_file_is_used() -> None:
    """A script that nobody names would be missed only in a browser."""
    files = {str(file.relative_to(FILES)) for file in FILES.rglob("*") if file.is_file()}

    assert files == {*SCRIPTS, *STYLES, "page.html", "uplot/LICENSE", "uplot/VENDORED.txt"}


def test_live_page_needs_neither_history_nor_server_to_be_made() -> None:
    """Who imports it pays for nothing else."""
    code = (
        "import sys; from hn_comments.service.html import make_page; make_page()\n"
        "print([m for m in ('aiohttp', 'sqlite3', 'asyncio') if m in sys.modules])"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout == "[]\n"
