"""
The connections to one API: one GET, and every way in which it can fail.

This is the one module that knows aiohttp's client; its errors end here. What a request
costs, and whether it is tried again, is the business of `fetcher`.
"""

import os
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Self

import aiohttp
import async_timeout
from yarl import URL

from . import __version__
from .addresses import proxy_for
from .errors import (
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchTimeout,
    RedirectRefused,
)
from .models import Settings
from .pacer import Pacer


# Bytes of a body at most. The largest real ones, a story of some 5,000 direct
# replies or a list of 500 ids, have well under 100 kB.
MAX_BODY = 8 << 20

# Statuses whose Location is where the answer is.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Seconds an idle connection is kept: the longest period at which a poll still
# finds the connections of the one before. Servers that close earlier cost a retry.
KEEP_ALIVE = 75.0


class Session:
    """
    The connections to one API, shared by all fetchers; use it with `async with`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.pacer = Pacer(self.settings.connections)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
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
        self.pacer.close()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("a Session is open only inside `async with Session(...)`")
        return self._http

    async def get(self, path: str, url: URL) -> bytes | URL:
        """
        Return the body of the answer, or where a redirect wants us to look for it.

        Raises:
            FetchError: whatever went wrong, in one sentence.
        """
        timeout = self.settings.fetch_timeout
        try:
            async with async_timeout.timeout(timeout):
                return await self._send(path, url)
        except TimeoutError as exc:
            raise FetchTimeout(path, timeout) from exc
        except aiohttp.ClientConnectorCertificateError as exc:
            raise CertificateInvalid(path, str(exc.certificate_error)) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise ConnectionFailed(path, describe(exc)) from exc

    async def _send(self, path: str, url: URL) -> bytes | URL:
        async with self._opened.get(url, allow_redirects=False) as response:
            if response.status == 200:
                return await read_body(path, response)
            location = response.headers.get("Location")
            if response.status in REDIRECTS and location is not None:
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
