"""
The API, over HTTP or the database's own socket: paths to JSON, counted, retried and paced.

Nobody else knows aiohttp's client. Others import from here, and not from the modules inside.
"""

from .fetcher import URLFetcher
from .items import parse_ids
from .session import Session
from .source import Source, open_source


__all__ = ["Session", "Source", "URLFetcher", "open_source", "parse_ids"]
