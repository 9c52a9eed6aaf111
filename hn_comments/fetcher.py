"""
Get JSON from the Hacker News API, and count what that costs.

A `Session` is what all polls share; a `URLFetcher` is what one poll has of its own: its
fetch counter, its budget and its retries.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

from yarl import URL

from .errors import (
    BadStatus,
    FetchError,
    FetchLimitExceeded,
    NotJSON,
    RateLimited,
    RedirectRefused,
)
from .items import parse_item
from .models import Item
from .retry import delays, is_transient
from .session import Session


logger = logging.getLogger(__name__)

decode: Callable[[bytes], Any] = json.loads
with contextlib.suppress(ImportError):
    # The extra `speed`; it decodes an item in a third of the time.
    from orjson import loads as decode  # type: ignore[no-redef, unused-ignore]

# Redirects followed for one fetch: one to a canonical address, and one to spare.
MAX_REDIRECTS = 2


class URLFetcher:
    """
    Fetch for one task, and count what that cost.

    *fetch_counter* is the number of requests sent, *retry_counter* how many of them were
    retries. After *max_fetches* requests `FetchLimitExceeded` is raised instead.
    """

    def __init__(self, session: Session, *, max_fetches: int | None = None) -> None:
        self.session = session
        self.max_fetches = max_fetches
        self.fetch_counter = 0
        self.retry_counter = 0

    async def fetch_item(self, item_id: int) -> Item | None:
        """
        Return the item *item_id*, or None where the API answers `null`.

        Raises:
            MalformedItem: if the answer breaks the API's rules.
            FetchError, FetchLimitExceeded, RateLimited: as `fetch`.
        """
        path = f"item/{item_id}.json"
        return parse_item(path, item_id, await self.fetch(path))

    async def fetch(self, path: str) -> Any:
        """
        Return the JSON value at *path*, retrying what may pass by itself.

        Raises:
            FetchError: if the last try failed too, or an error is not transient.
            FetchLimitExceeded: if the budget is used up.
            RateLimited: if the server still asks for fewer requests after all retries.
        """
        waits = delays(self.session.settings.retries)
        tries = 1
        while True:
            try:
                return await self._fetch_once(path)
            except FetchError as exc:
                exc.tries = tries
                wait = next(waits, None) if is_transient(exc) else None
                if wait is None:
                    if isinstance(exc, BadStatus) and exc.asks_to_wait:
                        raise RateLimited(exc) from exc
                    raise
                logger.debug("Trying again in %.2f seconds: %s", wait, exc)
                if isinstance(exc, BadStatus) and exc.asks_to_wait:
                    self.session.pause(wait if exc.retry_after is None else exc.retry_after)
            await asyncio.sleep(wait)
            tries += 1
            self.retry_counter += 1

    async def _fetch_once(self, path: str) -> Any:
        """
        Send one request, and those that redirects on the same host ask for.
        """
        url = URL(f"{self.session.settings.api_url}/{path}", encoded=True)
        for _ in range(1 + MAX_REDIRECTS):
            # Waiting for a free slot must not count as waiting for an answer, or a
            # large tree would time itself out.
            async with self.session.slots:
                await self.session.wait_out_pause()
                if self.max_fetches is not None and self.fetch_counter >= self.max_fetches:
                    raise FetchLimitExceeded(self.max_fetches)
                self.fetch_counter += 1
                answer = await self.session.get(path, url)
            if isinstance(answer, bytes):
                return parse_json(path, answer)
            url = answer
        raise RedirectRefused(path, str(url))


def parse_json(path: str, body: bytes) -> Any:
    """
    Return the JSON value in *body*.
    """
    try:
        return decode(body)
    # Nested a thousand deep, valid JSON overflows the decoder's stack.
    except (ValueError, RecursionError) as exc:
        raise NotJSON(path) from exc
