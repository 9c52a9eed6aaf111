"""
Ask for an address after each poll, so that a watcher notices when that does not happen.

The convention is that of https://healthchecks.io/docs/http_api/: the address itself for a poll
that succeeded, with /fail at its end for one that failed.
"""

import asyncio
import base64
import contextlib
from urllib.parse import unquote, urlsplit

from async_timeout import timeout

from .. import __version__
from ..errors import BadReceiver
from ..events import Troubles
from ..tasks import in_thread, stop_tasks
from .background import Background
from .receivers import mask


# Seconds for one request, and between tries; the next poll tries again anyway.
TIMEOUT, DELAYS = 10.0, (1.0, 5.0)

# Seconds for the request under way when the program is stopped, which is gone within one.
LAST_SECONDS = 0.5


class Heartbeat:
    """
    Tells the address *url* how polls end; *troubles* hears when it cannot be told.

    Its *background* is its own, since that of notices has more time at the end.

    Raises:
        BadReceiver: if the address is none that can be asked for.
    """

    def __init__(self, url: str, background: Background, troubles: Troubles) -> None:
        if not is_web_address(url):
            raise BadReceiver(f"the heartbeat needs an http(s) address, not {mask(url)}")
        self.url = url
        self.background = background
        self.troubles = troubles
        self.name = mask(url)
        # How the last poll ended that was not told yet.
        self._latest: bool | None = None
        self._is_beating = False
        self._stopped = asyncio.Event()

    def beat(self, *, succeeded: bool) -> None:
        """
        Tell soon that a poll ended. Only the last one counts.
        """
        self._latest = succeeded
        if not self._is_beating:
            self._is_beating = self.background.start(self._beat_all(), name="heartbeat")

    def stop(self) -> None:
        """
        Try nothing again: the program was stopped, and is to end soon.
        """
        self._stopped.set()

    async def close(self) -> None:
        """
        Wait for the request under way: not for long if the program was stopped, or is meanwhile.
        """
        draining = asyncio.create_task(self.background.drain(TIMEOUT))
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([draining, stopping], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([draining], timeout=LAST_SECONDS)
        finally:
            await stop_tasks([draining, stopping])

    async def _beat_all(self) -> None:
        try:
            while self._latest is not None:
                succeeded, self._latest = self._latest, None
                await self._beat(self.url if succeeded else failing(self.url))
        finally:
            self._is_beating = False

    async def _beat(self, url: str) -> None:
        for delay in (*DELAYS, None):
            try:
                problem = await ask_in_time(url)
            except asyncio.CancelledError:
                # Only the end of the program cuts it short, and nobody would hear of it.
                self._note("no answer before the end of the program")
                raise
            if problem is None:
                self.troubles.end("heartbeat", self.name)
                return
            self._note(problem)
            if delay is None or self._latest is not None:
                return
            with contextlib.suppress(TimeoutError):
                async with timeout(delay):
                    await self._stopped.wait()
                    return

    def _note(self, reason: str) -> None:
        self.troubles.note("heartbeat", reason, subject=self.name)


def failing(url: str) -> str:
    """
    Return the address that says that a poll failed.
    """
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # The port is read when it is asked for.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


async def ask_in_time(url: str) -> str | None:
    """
    Ask for an address, and return why that failed, if so.
    """
    try:
        # A server that sends a byte now and then would never use up the time of `ask`.
        async with timeout(TIMEOUT):
            return await in_thread(lambda: ask(url), name="heartbeat")
    except TimeoutError:
        return f"no answer within {TIMEOUT:g} seconds"


def ask(url: str) -> str | None:
    """
    Ask for an address, and return why that failed, if so. Blocks.

    Raises:
        TimeoutError: if for so long nothing came.
    """
    # Whoever has no heartbeat does not wait for them.
    import http.client
    import urllib.error
    import urllib.request

    address, password = take_secret(url)
    agent = {"User-Agent": f"hn-comments/{__version__}"}
    request = urllib.request.Request(address, headers=agent)  # noqa: S310 - checked at first
    if password is not None:
        # Unlike the other headers, it does not follow a redirect, which may lead to anybody.
        request.add_unredirected_header("Authorization", password)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return None
    except TimeoutError:
        raise
    except urllib.error.HTTPError as exc:
        return f"HTTP {exc.code}"
    except (OSError, ValueError, http.client.HTTPException) as exc:
        # The reason of a URLError is the error below it; its own words may hold the address.
        return str(getattr(exc, "reason", "")) or type(exc).__name__


def take_secret(url: str) -> tuple[str, str | None]:
    """
    Return an address without user and password, which urllib takes for its host, and the two.

    They are as the header Authorization has them; None if there are none.
    """
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=host).geturl()
    if not user:
        return address, None
    return address, f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
