"""
Get JSON from the Hacker News API.

A `Session` is what all polls share: the connections, the limit on requests in flight
and the pause that a server asked for. A `URLFetcher` is what one poll has of its own:
its fetch counter, its budget and its retries.

This is the one module that knows aiohttp's client; its errors end here.
"""

import asyncio
import contextlib
import json
import logging
import os
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Self

import aiohttp
import async_timeout
from yarl import URL

from . import __version__
from .errors import (
    BadProxy,
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchError,
    FetchLimitExceeded,
    FetchTimeout,
    NotJSON,
    RateLimited,
    RedirectRefused,
)
from .items import parse_item
from .models import Item, Settings
from .retry import delays, is_transient


logger = logging.getLogger(__name__)

decode: Callable[[bytes], Any] = json.loads
with contextlib.suppress(ImportError):
    # The extra `speed`; it decodes an item in a third of the time.
    from orjson import loads as decode  # type: ignore[no-redef, unused-ignore]

# Bytes of a body at most. The largest real ones, a story of some 5,000 direct
# replies or a list of 500 ids, have well under 100 kB.
MAX_BODY = 8 << 20

# Redirects followed for one fetch: one to a canonical address, and one to spare.
MAX_REDIRECTS = 2

# Seconds a server can make us pause with Retry-After, however much it asks for.
MAX_PAUSE = 60.0

# Seconds an idle connection is kept: the longest period at which a poll still
# finds the connections of the one before. Servers that close earlier cost a retry.
KEEP_ALIVE = 75.0


class Session:
    """
    The connections to one API, shared by all fetchers; use it with `async with`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.slots = asyncio.Semaphore(self.settings.connections)
        self._resume_at = 0.0

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(
            # Our own limit comes before the timeout starts; aiohttp's would come after.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            # Without compression, Content-Length bounds what a body can grow to.
            headers={
                "User-Agent": f"hn-comments/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            proxy=proxy_for(self.settings.api_url),
            middlewares=[send_once],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    def pause(self, seconds: float) -> None:
        """
        Send nothing for *seconds* from now, whoever asks.
        """
        seconds = min(seconds, MAX_PAUSE)
        resume_at = asyncio.get_running_loop().time() + seconds
        if resume_at > self._resume_at:
            self._resume_at = resume_at
            logger.debug("Sending nothing for %.1f seconds, as the server asks", seconds)

    async def wait_out_pause(self) -> None:
        """
        Return when no server wants us to wait.
        """
        loop = asyncio.get_running_loop()
        # Again and again: while we sleep, another answer may make the pause longer.
        while (seconds := self._resume_at - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(seconds)


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
        session = self.session
        timeout = session.settings.fetch_timeout
        url = URL(f"{session.settings.api_url}/{path}", encoded=True)
        for _ in range(1 + MAX_REDIRECTS):
            await session.slots.acquire()
            try:
                await session.wait_out_pause()
                if self.max_fetches is not None and self.fetch_counter >= self.max_fetches:
                    raise FetchLimitExceeded(self.max_fetches)
                self.fetch_counter += 1
                # Only now: waiting for a free slot must not count as waiting for an
                # answer, or a large tree would time itself out.
                async with async_timeout.timeout(timeout):
                    answer = await self._send(path, url)
            except TimeoutError as exc:
                raise FetchTimeout(path, timeout) from exc
            except aiohttp.ClientConnectorCertificateError as exc:
                raise CertificateInvalid(path, str(exc.certificate_error)) from exc
            except (aiohttp.ClientError, OSError) as exc:
                raise ConnectionFailed(path, describe(exc)) from exc
            finally:
                session.slots.release()
            if isinstance(answer, bytes):
                return parse_json(path, answer)
            url = answer
        raise RedirectRefused(path, str(url))

    async def _send(self, path: str, url: URL) -> bytes | URL:
        """
        Return the body of the answer, or where a redirect wants us to look for it.
        """
        async with self.session.http.get(url, allow_redirects=False) as response:
            if response.status == 200:
                return await read_body(path, response)
            location = response.headers.get("Location")
            if response.status in {301, 302, 303, 307, 308} and location is not None:
                return redirect_target(path, url, location)
            raise BadStatus(path, response.status, retry_after(response.headers.get("Retry-After")))


async def send_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Keep aiohttp from sending a request again behind our counter's back.

    It does so once when a kept connection breaks, but only for two errors and not for
    their base class: https://github.com/aio-libs/aiohttp/issues/10790
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # never sent, so never sent again; and it knows about certificates
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(describe(exc)) from exc


async def read_body(path: str, response: aiohttp.ClientResponse) -> bytes:
    """
    Return the body of *response*, unless it is larger than `MAX_BODY`.
    """
    length = response.content_length
    if length is not None and length <= MAX_BODY:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if max(length or 0, len(body)) > MAX_BODY:
            raise BodyTooLarge(path, MAX_BODY)
    return bytes(body)


def redirect_target(path: str, url: URL, location: str) -> URL:
    """
    Return where a redirect leads, unless that is another host or gives up TLS.
    """
    try:
        target = url.join(URL(location))
    except ValueError as exc:
        raise RedirectRefused(path, location) from exc
    if target.host != url.host or target.scheme not in {url.scheme, "https"}:
        raise RedirectRefused(path, location)
    return target


def retry_after(value: str | None) -> float | None:
    """
    Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3).
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date without a zone is in GMT, says the RFC.
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
        return max(seconds, 0.0)
    # Not "nan", nor less than nothing.
    return seconds if seconds >= 0 else None


def describe(exc: BaseException) -> str:
    """
    Return a sentence for an error of aiohttp or the system, some of which have none.
    """
    if isinstance(exc, aiohttp.ClientSSLError):
        return f"no TLS connection to {exc.host}:{exc.port}: {exc.os_error}"
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.errno:
        # asyncio puts addresses where the system's sentence was; the resolver does not.
        reason = os.strerror(exc.errno) if exc.errno > 0 else exc.strerror
        return f"cannot connect to {exc.host}:{exc.port}: {reason}"
    return str(exc) or type(exc).__name__


def proxy_for(api_url: str) -> str | None:
    """
    Return the proxy that the environment (HTTPS_PROXY, NO_PROXY, ...) wants for *api_url*.

    aiohttp's trust_env asks anew, in a thread, for every single request.

    Raises:
        BadProxy: if it is not an HTTP proxy, the only kind that aiohttp can use.
    """
    url = URL(api_url)
    if url.host is None or urllib.request.proxy_bypass(url.host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        usable = URL(proxy).scheme in {"http", "https"} and URL(proxy).host
    except ValueError:
        usable = None
    if not usable:
        raise BadProxy(proxy)
    return proxy


def parse_json(path: str, body: bytes) -> Any:
    """
    Return the JSON value in *body*.
    """
    try:
        return decode(body)
    # Nested a thousand deep, valid JSON overflows the decoder's stack.
    except (ValueError, RecursionError) as exc:
        raise NotJSON(path) from exc
