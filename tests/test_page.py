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

from hn_comments.service.html import SCRIPTS, STYLES, Page, make_live_page, make_report_page
from hn_comments.service.streams import KEEP_ALIVE


FILES = Path(sys.modules[make_live_page.__module__].__file__ or "").parent / "page"

# What turns text into markup, or into code.
MARKUP = r"(?:inner|outer)HTML|insertAdjacent|document\.write|\beval\(|new Function|Parser"

LIVE, REPORT = make_live_page(), make_report_page({"title": "</script><b>"})
PAGES = {"live": LIVE, "report": REPORT}


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


def rules_of(page: Page) -> dict[str, str]:
    """Return the rules of the policy of a page, which has it in its head."""
    metas = [attributes for tag, attributes, _ in Elements(page).found if tag == "meta"]
    assert {"http-equiv": "Content-Security-Policy", "content": page.policy} in metas
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in page.policy
    return rules


def test_policy_of_a_report_allows_its_scripts_and_styles_by_their_hashes() -> None:
    """And no other: what somebody puts into the page does not run, and asks nobody."""
    rules = rules_of(REPORT)
    for tag, rule, names in (("script", "script-src", SCRIPTS), ("style", "style-src", STYLES)):
        digests = [hashlib.sha256(text.encode()).digest() for text in texts_of(REPORT, tag)]
        expected = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]

        assert rules[rule].split() == expected
        assert len(expected) == len(names)
    assert rules["connect-src"] == "'none'"


def test_policy_of_the_live_page_allows_its_own_server() -> None:
    """Of which it asks for its files; nothing that runs is in it."""
    rules = rules_of(LIVE)
    allowed = [rules[f"{name}-src"] for name in ("script", "style", "connect")]
    sources = [attributes.get("src") for tag, attributes, _ in Elements(LIVE).found]
    styles = [
        attributes["href"] for _, attributes, _ in Elements(LIVE).found if "rel" in attributes
    ]

    assert allowed == ["'self'"] * 3
    assert [name for name in sources if name] == [*SCRIPTS]
    assert styles[1:] == [*STYLES]
    assert not [text for text in texts_of(LIVE, "script") + texts_of(LIVE, "style") if text]


def test_report_loads_nothing() -> None:
    """Every picture, style and script is in it."""
    for tag, attributes, _ in Elements(REPORT).found:
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "data:").startswith("data:"), tag
    assert not re.findall(r"@import|url\(", "".join(texts_of(REPORT, "style")))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_no_element_has_a_script_or_a_style_as_an_attribute(page: Page) -> None:
    """The policy forbids both."""
    for tag, attributes, _ in Elements(page).found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag


def test_data_cannot_end_their_element() -> None:
    """Whatever a title is."""
    document = {"title": "</script><!--<script>", "other": "\u2028 & \u00e9"}

    page = make_report_page(document)

    data = [
        text for _, attributes, text in Elements(page).found if attributes.get("id") == "document"
    ]
    assert [json.loads(text) for text in data] == [document]
    assert "<" not in data[0]


def test_placeholders_in_data_stay_what_they_are() -> None:
    """A title is put into the page once, and not looked into."""
    document = {"title": "<!--[scripts]--> <!--[policy]-->"}

    page = make_report_page(document)

    assert page.html.count("new uPlot(") == REPORT.html.count("new uPlot(") > 0


def test_live_page_waits_for_two_signs_of_life() -> None:
    """A stream that is alive is not opened anew."""
    (quiet,) = re.findall(r"const QUIET = ([\d_]+);", (FILES / "live.js").read_text("utf-8"))

    assert int(quiet) > 2000 * KEEP_ALIVE


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
    for page in PAGES.values():
        assert "Copyright (c) 2022 Leon Sorokin" in page.html


def test_every_file_is_used() -> None:
    """A script that nobody names would be missed only in a browser."""
    files = {str(file.relative_to(FILES)) for file in FILES.rglob("*") if file.is_file()}

    assert files == {*SCRIPTS, *STYLES, "page.html", "uplot/LICENSE", "uplot/VENDORED.txt"}


def test_report_needs_no_client_and_no_event_loop() -> None:
    """Nor does it wait for them: it only reads a file."""
    code = (
        "import sys; import hn_comments.service.report\n"
        "print([m for m in ('aiohttp', 'asyncio', 'prometheus_client') if m in sys.modules])"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout == "[]\n"
