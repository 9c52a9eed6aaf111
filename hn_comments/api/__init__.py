"""
The API over HTTP: one GET to JSON, counted, retried and paced.

Nobody else knows aiohttp's client. Others import from here, and not from the modules inside.
"""

from .fetcher import URLFetcher
from .items import parse_ids
from .session import Session


__all__ = ["Session", "URLFetcher", "parse_ids"]
