"""
Get JSON from the Hacker News API, and count what that costs.

All polls share one `Session`; each has a `URLFetcher` of its own, with a fetch counter, a
budget and retries.
"""

import asyncio
import itertools
import logging
from typing import Any

from yarl import URL

from ..errors import (
    BadStatus,
    ConnectionFailed,
    FetchError,
    FetchLimitExceeded,
    RateLimited,
    RedirectRefused,
)
from ..models import Item
from .items import parse_item, parse_json
from .retry import delays, is_transient
from .source import Source


logger = logging.getLogger(__name__)

# Seconds of nothing but refusals that end a poll: a server that refuses for so long is not
# asked for the rest of it.
MAX_REFUSED = 60.0

# Refusals of one request while others are answered. The pacer keeps them to one in twenty,
# so that many in a row have to do with this item alone.
MAX_REFUSALS = 20

# Seconds before a refused request queues again: the pacer decides when it leaves.
REFUSED_DELAY = 0.25

# Redirects followed for one fetch: one to a canonical address, and one to spare.
MAX_REDIRECTS = 2


class URLFetcher:
    """
    Fetch for one poll, and count what that cost.

    *fetch_counter* is the number of requests sent, *retry_counter* how many of them were
    retries, *refused_counter* how many the server refused because there were too many.
    After *max_fetches* requests `FetchLimitExceeded` is raised instead.
    """

    def __init__(self, source: Source, max_fetches: int | None = None) -> None:
        self.source = source
        self.max_fetches = max_fetches
        self.fetch_counter = 0
        self.retry_counter = 0
        self.refused_counter = 0
        # When the present run of nothing but refusals began; None if there was none.
        self._refused_since: float | None = None

    async def fetch_item(self, item_id: int, *, failed: bool = False) -> Item | None:
        """
        Return the item *item_id*, or None where the API answers `null`.

        An item that *failed* in an earlier poll gets one short try.

        Raises:
            MalformedItem: if the answer breaks the API's rules.
            FetchError, FetchLimitExceeded, RateLimited: as `fetch`.
        """
        path = f"item/{item_id}.json"
        return parse_item(path, item_id, await self.fetch(path, failed=failed))

    async def fetch(self, path: str, *, failed: bool = False) -> Any:
        """
        Return the JSON value at *path*, after retries if errors are transient.

        A path that *failed* in an earlier poll gets one short try.

        Raises:
            FetchError: if the last try failed too, or an error is not transient.
            FetchLimitExceeded: if the budget is used up.
            RateLimited: if the server has refused everything for a minute.
        """
        waits = delays(0 if failed else self.source.settings.retries)
        # Some errors are no fault of this item, and so use up none of its retries.
        faultless = itertools.repeat(REFUSED_DELAY, MAX_REFUSALS)
        tries = 1
        while True:
            try:
                return await self._fetch_once(path, failed=failed)
            except FetchError as exc:
                exc.tries = tries
                wait = next(faultless if is_faultless(exc) else waits, None)
                if wait is None or not is_transient(exc):
                    raise
                logger.debug("Trying again in %.2f seconds: %s", wait, exc)
            await asyncio.sleep(wait)
            tries += 1
            self.retry_counter += 1

    async def _fetch_once(self, path: str, *, failed: bool) -> Any:
        """
        Send one request, and follow redirects on the same host.
        """
        asked: list[URL] = []
        url = URL(f"{self.source.settings.api_url}/{path}", encoded=True)
        while True:
            answer = await self._send(path, url, failed=failed)
            if isinstance(answer, bytes):
                return parse_json(path, answer)
            if not isinstance(answer, URL):
                return answer
            asked.append(url)
            url = answer
            if url in asked:
                raise RedirectRefused(path, str(url), "in a circle")
            if len(asked) > MAX_REDIRECTS:
                raise RedirectRefused(path, str(url), f"after {MAX_REDIRECTS} others")

    async def _send(self, path: str, url: URL, *, failed: bool) -> Any:
        """
        Send one request in its turn, and tell the pacer how it was answered.
        """
        pacer = self.source.pacer
        self._check_budget()
        # Waiting for a turn must not count as waiting for an answer, or a large tree
        # would time itself out.
        sent_at = await pacer.enter()
        sent = False
        try:
            self._check_budget()
            self.fetch_counter += 1
            sent = True
            answer = await self.source.get(path, url, soon=failed)
            pacer.accept(sent_at)
        except BadStatus as exc:
            if not exc.is_overload:
                pacer.accept(sent_at)
                raise
            pacer.refuse(sent_at, exc.retry_after, asked=exc.asks_to_wait)
            self._note_refusal(exc)
            raise
        finally:
            pacer.leave(sent=sent)
        return answer

    def _check_budget(self) -> None:
        if self.max_fetches is not None and self.fetch_counter >= self.max_fetches:
            raise FetchLimitExceeded(self.max_fetches)

    def _note_refusal(self, exc: BadStatus) -> None:
        """
        Count a refusal, and end the poll after `MAX_REFUSED` seconds of nothing else.
        """
        self.refused_counter += exc.asks_to_wait
        now = asyncio.get_running_loop().time()
        if self._refused_since is None or self.source.pacer.accepted_at > self._refused_since:
            self._refused_since = now
        if now - self._refused_since >= MAX_REFUSED:
            raise RateLimited(exc) from exc


def is_faultless(exc: FetchError) -> bool:
    """
    Return whether there were too many requests, or the socket was lost under this one.
    """
    if isinstance(exc, ConnectionFailed):
        return exc.was_socket
    return isinstance(exc, BadStatus) and exc.asks_to_wait
