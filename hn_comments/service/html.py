"""
The page as HTML: as one document with everything in it, a report; or live, beside its files.

Nothing is loaded from elsewhere. The content security policy of a report allows its scripts and
styles by their hashes, that of the live page the files of its own server; and none besides.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


# In the order in which they need each other.
STYLES = ("uplot/uPlot.min.css", "page.css", "table.css", "story.css", "narrow.css")
SCRIPTS = (
    "uplot/uPlot.iife.min.js", "words.js", "plots.js", "table.js", "story.js", "report.js",
    "live.js", "page.js",
)  # fmt: skip

# Only uPlot and our own scripts run, and even these cannot turn text into markup.
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:;"
    " connect-src {connect}; base-uri 'none'; form-action 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """
    An HTML document, and the content security policy that it has in it.
    """

    html: str
    policy: str


def make_report_page(document: dict[str, Any]) -> Page:
    """
    Return the report that *document* describes: one file, which needs no other.
    """
    styles, scripts = read_all(STYLES), read_all(SCRIPTS)
    policy = POLICY.format(
        styles=" ".join(map(hash_source, styles)),
        scripts=" ".join(map(hash_source, scripts)),
        connect="'none'",
    )
    return fill_in(
        policy=policy,
        styles="\n".join(f"<style>{text}</style>" for text in styles),
        data=embed(document),
        scripts="\n".join(f"<script>{text}</script>" for text in scripts),
    )


def make_live_page() -> Page:
    """
    Return the live page, which asks its server for its styles, its scripts, and what is new.
    """
    return fill_in(
        policy=POLICY.format(styles="'self'", scripts="'self'", connect="'self'"),
        styles="\n".join(f'<link rel="stylesheet" href="{name}">' for name in STYLES),
        data="",
        scripts="\n".join(f'<script src="{name}"></script>' for name in SCRIPTS),
    )


def fill_in(**parts: str) -> Page:
    """
    Return the page with these parts.
    """
    parts["licence"] = read("uplot/LICENSE")
    # From the template only: what was put in may look like a place, too.
    before, *rest = read("page.html").split("<!--[")
    html = [before]
    for piece in rest:
        name, text = piece.split("]-->", 1)
        html += parts[name], text
    return Page("".join(html), parts["policy"])


def embed(document: dict[str, Any]) -> str:
    """
    Return *document* as an element that no title in it can end.
    """
    # https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="document">{text}</script>'


def hash_source(text: str) -> str:
    """
    Return how a policy names an inline script or style.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def read_all(names: Iterable[str]) -> list[str]:
    return [read(name) for name in names]


@cache
def read(name: str) -> str:
    """
    Return the text of one of the page's files.
    """
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")
