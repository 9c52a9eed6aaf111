"""
The connections to one API: one GET, and every way in which it can fail.

Only this module, `connections`, `line`, `names` and `aiohttp_errors` know aiohttp's client; its
errors end here. `fetcher` counts requests, and decides which are tried again.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Self

import aiohttp
from yarl import URL

from .. import __version__
from ..errors import (
    BadStatus,
    BodyCompressed,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchError,
    FetchTimeout,
    ProxyFailed,
    RedirectRefused,
)
from ..files import most_sockets
from ..settings import Settings, SourceName
from .addresses import proxy_for
from .aiohttp_errors import describe, guess
from .connections import Attempt, Connector, begin_attempt
from .deadlines import Deadlines
from .pacer import FIRST_IN_FLIGHT, Pacer
from .room import Room


# Bytes of a body at most. The largest real ones, a story of some 5,000 direct
# replies or a list of 500 ids, have well under 100 kB.
MAX_BODY = 8 << 20

# The Content-Encoding of a body that is not compressed (RFC 9110, section 12.5.3).
PLAIN = "identity"

# Statuses of redirects: the answer is at their Location.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# An item that failed in an earlier poll gets this share of the fetch timeout, once: while it
# is broken, it must not hold up each poll as long as it did the first.
SHORT_SHARE = 1 / 4

# Seconds without a request after which connections are given back, and how many are kept: as many
# as the next poll begins with.
IDLE = 2.0
KEPT = FIRST_IN_FLIGHT

NOT_OPEN = "a Session is open only inside `async with Session(...)`"


class Session:
    """
    The connections to one API, shared by all fetchers; use it with `async with`.

    It is the `Source` "http", whatever the settings say.
    """

    name: SourceName = "http"
    # It answers questions, and says nothing by itself.
    tells = False

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._room = Room()
        most = most_sockets(self.settings.other_files)
        self.pacer = Pacer(min(self.settings.connections, most), self._room.pays)
        self.on_change: Callable[[], object] = lambda: None
        self._deadlines = Deadlines(self.settings.fetch_timeout)
        self._short_deadlines = Deadlines(self.settings.fetch_timeout * SHORT_SHARE)
        self._http: aiohttp.ClientSession | None = None
        self._connector: Connector | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._proxy: URL | None = None
        # When an answer last began, by the loop's clock. None while there was none: then the
        # address may be wrong.
        self._heard_at: float | None = None

    async def __aenter__(self) -> Self:
        self._proxy = proxy_for(self.settings.api_url)
        self._connector = Connector(self._room)
        self._http = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            # Without compression, a body is as large as its Content-Length.
            headers={
                "User-Agent": f"hn-comments/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": PLAIN,
            },
            auto_decompress=False,
            proxy=self._proxy,
            middlewares=[send_once],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pacer.close()
        if self._idle is not None:
            self._idle.cancel()
        self._deadlines.close()
        self._short_deadlines.close()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:
        """
        Return the body of the answer, or the target of a redirect; *soon* is in less time.

        Raises:
            FetchError: whatever went wrong, in one sentence.
        """
        deadlines = self._short_deadlines if soon else self._deadlines
        connector, attempt = self.connector, begin_attempt()
        deadline = deadlines.start(attempt.note_phase)
        try:
            with deadline:
                return await self._send(path, url, attempt)
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            self._judge_connections(attempt, deadline.at - deadlines.seconds)
            raise self._translate(exc, path, url, attempt, deadlines.seconds) from exc
        finally:
            connector.end(attempt)
            if self._idle is None and not self._is_busy:
                self._idle = asyncio.get_running_loop().call_later(IDLE, self._give_back)

    def watch(self, paths: Collection[str]) -> None:
        """
        Do nothing: see `tells`.
        """

    async def _send(self, path: str, url: URL, attempt: Attempt) -> bytes | URL:
        async with self.http.get(url, allow_redirects=False) as response:
            attempt.answered = True
            if attempt.sockets:
                self.connector.prove(attempt)
            self._heard_at = asyncio.get_running_loop().time()
            if response.status == 200:
                return await read_body(path, response)
            location = response.headers.get("Location")
            if response.status in REDIRECTS and location is not None:
                return redirect_target(path, url, location)
            if response.status == 407:
                raise ProxyFailed(path, self._proxy_name, response.status)
            raise BadStatus(path, response.status, retry_after(response.headers.get("Retry-After")))

    def _judge_connections(self, attempt: Attempt, sent_at: float) -> None:
        """
        Learn about the other connections from that of a failed *attempt*.

        If other requests were answered in the second half of its time, the network works.
        """
        now = asyncio.get_running_loop().time()
        works = self._heard_at is not None and self._heard_at >= (sent_at + now) / 2
        if attempt.answered:
            return
        if attempt in self._room.new:
            # One that fails at once leaves no time for others to be answered.
            kept = self.connector.count() if works or attempt.reached is None else 0
            if kept and self._room.is_full(kept):
                self.pacer.shrink(kept)
        elif attempt.is_kept_and_silent and not works:
            # The network may have forgotten it while this machine slept, and then forgot the
            # others, too. Not all are made anew at once.
            self.connector.give_up()
            self.pacer.shrink(KEPT)

    def _give_back(self) -> None:
        """
        Keep only a few connections, if there was no request for a while.
        """
        self._idle = None
        if not self._is_busy:
            self.connector.give_back(KEPT)
            self._room.restart()
            self.pacer.shrink(KEPT)

    def _translate(
        self, exc: Exception, path: str, url: URL, attempt: Attempt, seconds: float
    ) -> FetchError:
        """
        Return an error of ours for one of aiohttp's or the system's.
        """
        # A proxy's silence says nothing about the address behind it.
        hint = "" if self._proxy or self._heard_at is not None else guess(exc, url, attempt.reached)
        if isinstance(exc, TimeoutError) and attempt.reached is not None:
            proxy = f" (proxy {self._proxy_name})" if self._proxy else ""
            return FetchTimeout(path, seconds, attempt.reached.value + proxy + hint)
        if isinstance(exc, aiohttp.ClientConnectorCertificateError):
            return CertificateInvalid(path, str(exc.certificate_error))
        if isinstance(exc, aiohttp.ClientHttpProxyError):
            return ProxyFailed(path, self._proxy_name, exc.status)
        if self._proxy and isinstance(exc, aiohttp.ClientConnectorDNSError):
            hint = " (the proxy)"
        return ConnectionFailed(path, describe(exc) + hint)

    @property
    def _is_busy(self) -> bool:
        return bool(self._deadlines.running or self._short_deadlines.running)

    @property
    def http(self) -> aiohttp.ClientSession:
        """
        The client, while it is open.
        """
        if self._http is None:
            raise RuntimeError(NOT_OPEN)
        return self._http

    @property
    def connector(self) -> Connector:
        """
        The client's connections, once it was opened.
        """
        if self._connector is None:
            raise RuntimeError(NOT_OPEN)
        return self._connector

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
        response = await send(request)
    except aiohttp.ClientConnectorError:
        raise  # no connection, so nothing is sent again; `get` needs its exact class
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(describe(exc)) from exc
    if response.status in REDIRECTS and aiohttp.hdrs.UPGRADE in request.headers:
        # For a websocket, aiohttp would follow it, to wherever it leads.
        response.close()
        raise aiohttp.ClientConnectionError(f"HTTP {response.status}, which is not followed")
    return response


async def read_body(path: str, response: aiohttp.ClientResponse) -> bytes:
    """
    Return the body of *response*, unless it is compressed, or larger than `MAX_BODY`.
    """
    coding = response.headers.get("Content-Encoding") or PLAIN
    if coding.lower() != PLAIN:
        raise BodyCompressed(path, coding)
    length = response.content_length
    if length is not None:
        if length > MAX_BODY:
            raise BodyTooLarge(path, MAX_BODY)
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise BodyTooLarge(path, MAX_BODY)
    return bytes(body)


def redirect_target(path: str, url: URL, location: str) -> URL:
    """
    Return where a redirect leads, unless that is another server or gives up TLS.
    """
    try:
        # Without a user and a password: they would be the server's, not the user's.
        target = url.join(URL(location)).with_user(None)
        same_server = target.origin() == url.origin()
    except ValueError as exc:
        raise RedirectRefused(path, location, "to nowhere") from exc
    # Servers for both protocols have a port for each.
    to_tls = (url.scheme, target.scheme) == ("http", "https") and target.host == url.host
    if not same_server and not to_tls:
        raise RedirectRefused(path, location, "to another server")
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
