"""
The page as one HTML document, with its styles and scripts in it: for the port, and for a report.

Nothing is loaded from anywhere. The content security policy allows these scripts and styles, by
their hashes, and none besides.
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
STYLES = ("uplot/uPlot.min.css", "page.css")
SCRIPTS = (
    "uplot/uPlot.iife.min.js", "words.js", "plots.js", "table.js", "story.js", "report.js",
    "live.js", "page.js",
)  # fmt: skip

# The live page asks its own server; everything else is in the document. Only uPlot and our own
# scripts run, and even these cannot turn text into markup.
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


def make_page(document: dict[str, Any] | None = None) -> Page:
    """
    Return the report that *document* describes; without one, the live page.
    """
    styles, scripts = read_all(STYLES), read_all(SCRIPTS)
    policy = POLICY.format(
        styles=" ".join(map(hash_source, styles)),
        scripts=" ".join(map(hash_source, scripts)),
        connect="'none'" if document else "'self'",
    )
    parts = {
        "policy": policy,
        "styles": "\n".join(f"<style>{text}</style>" for text in styles),
        "data": embed(document) if document else "",
        "scripts": "\n".join(f"<script>{text}</script>" for text in scripts),
        "licence": read("uplot/LICENSE"),
    }
    # From the template only: what was put in may look like a place, too.
    before, *rest = read("page.html").split("<!--[")
    html = [before]
    for piece in rest:
        name, text = piece.split("]-->", 1)
        html += parts[name], text
    return Page("".join(html), policy)


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
