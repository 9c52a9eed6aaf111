"""
The connections to one API: one GET, and every way in which it can fail.

Only this module knows aiohttp's client, and aiohttp's errors end here. `fetcher` counts
requests, and decides which are tried again.
"""

import os
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Self

import aiohttp
from yarl import URL

from .. import __version__
from ..errors import (
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchTimeout,
    ProxyFailed,
    RedirectRefused,
)
from ..settings import Settings
from .addresses import proxy_for
from .deadlines import Deadlines
from .pacer import Pacer


# Bytes of a body at most. The largest real ones, a story of some 5,000 direct
# replies or a list of 500 ids, have well under 100 kB.
MAX_BODY = 8 << 20

# Statuses of redirects: the answer is at their Location.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Seconds an idle connection is kept: polls at a period up to this find open connections.
# Servers that close earlier cost a retry.
KEEP_ALIVE = 75.0


class Session:
    """
    The connections to one API, shared by all fetchers; use it with `async with`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.pacer = Pacer(self.settings.connections)
        self._deadlines = Deadlines(self.settings.fetch_timeout)
        self._http: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None
        # Whether the server has ever answered: if not, the address may be wrong.
        self._answered = False

    async def __aenter__(self) -> Self:
        self._proxy = proxy_for(self.settings.api_url)
        self._http = aiohttp.ClientSession(
            # No limit of aiohttp's: waiting for a free connection would count as waiting for
            # an answer. The pacer's limit comes before the timeout starts.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            # Without compression, a body is as large as its Content-Length.
            headers={
                "User-Agent": f"hn-comments/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            proxy=self._proxy,
            middlewares=[send_once],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pacer.close()
        self._deadlines.close()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def get(self, path: str, url: URL) -> bytes | URL:
        """
        Return the body of the answer, or the target of a redirect.

        Raises:
            FetchError: whatever went wrong, in one sentence.
        """
        try:
            with self._deadlines.start():
                return await self._send(path, url)
        except TimeoutError as exc:
            # A server without TLS may wait for the rest of what it takes for a line.
            tls = url.scheme == "https" and not self._answered
            timeout = self.settings.fetch_timeout
            raise FetchTimeout(path, timeout, ", nor ever (is it https?)" if tls else "") from exc
        except aiohttp.ClientConnectorCertificateError as exc:
            raise CertificateInvalid(path, str(exc.certificate_error)) from exc
        except aiohttp.ClientHttpProxyError as exc:
            raise ProxyFailed(path, self._proxy_name, exc.status) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise ConnectionFailed(path, describe(exc) + self._hint(exc, url)) from exc

    def _hint(self, exc: Exception, url: URL) -> str:
        """
        Return a guess at why an address has never answered, or "".
        """
        # A server that speaks only TLS hangs up when it reads plain HTTP.
        hung_up = isinstance(exc, aiohttp.ClientConnectionError)
        if self._answered or url.scheme == "https" or not hung_up:
            return ""
        if isinstance(exc, aiohttp.ClientConnectorError):
            return ""  # the server was not even reached
        return " (is it an https:// address?)"

    async def _send(self, path: str, url: URL) -> bytes | URL:
        async with self._opened.get(url, allow_redirects=False) as response:
            self._answered = True
            if response.status == 200:
                return await read_body(path, response)
            location = response.headers.get("Location")
            if response.status in REDIRECTS and location is not None:
                return redirect_target(path, url, location)
            if response.status == 407:
                raise ProxyFailed(path, self._proxy_name, response.status)
            raise BadStatus(path, response.status, retry_after(response.headers.get("Retry-After")))

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("a Session is open only inside `async with Session(...)`")
        return self._http

    @property
    def _proxy_name(self) -> str:
        """
        The proxy without its password.
        """
        return f"{self._proxy.host}:{self._proxy.port}" if self._proxy else "in between"


async def send_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Keep aiohttp from sending a request again, which our counter would not see.

    aiohttp does so once when a kept connection breaks, but only for two errors and not for
    their base class: https://github.com/aio-libs/aiohttp/issues/10790
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # no connection, so nothing is sent again; `get` needs its exact class
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
        same_host = target.host == url.host
    except ValueError as exc:
        raise RedirectRefused(path, location, "to nowhere") from exc
    if not same_host:
        raise RedirectRefused(path, location, "to another host")
    if target.scheme not in {url.scheme, "https"}:
        raise RedirectRefused(path, location, "to another protocol")
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
        return seconds_until(value)
    # This refuses "nan", too.
    return seconds if seconds >= 0 else None


def seconds_until(value: str) -> float | None:
    """
    Return the seconds until the date in a header; 0 for the past, None if it is no date.
    """
    try:
        date = parsedate_to_datetime(value)
        # A date without a zone is in GMT, says the RFC.
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(date.timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def describe(exc: BaseException) -> str:
    """
    Return a sentence for an error of aiohttp or the system; some have none of their own.
    """
    if isinstance(exc, aiohttp.ClientSSLError):
        if "WRONG_VERSION_NUMBER" in str(exc.os_error):
            return f"{exc.host}:{exc.port} does not speak TLS (is it an http:// address?)"
        return f"no TLS connection to {exc.host}:{exc.port}: {exc.os_error}"
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.errno:
        proxy = "the proxy " if isinstance(exc, aiohttp.ClientProxyConnectionError) else ""
        # asyncio replaces the system's sentence by addresses; the resolver has no errno.
        reason = os.strerror(exc.errno) if exc.errno > 0 else exc.strerror
        return f"cannot connect to {proxy}{exc.host}:{exc.port}: {reason}"
    if isinstance(exc, aiohttp.ClientResponseError):
        # str(exc) would show the whole address, perhaps with a password.
        return f"the answer is not HTTP: {exc.message}"
    return str(exc) or type(exc).__name__
