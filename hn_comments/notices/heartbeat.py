"""
Ask for an address after each poll, so that a watcher notices when that does not happen.

The convention is that of https://healthchecks.io/docs/http_api/: the address itself for a poll
that succeeded, with /fail at its end for one that failed.
"""

import asyncio
from urllib.parse import urlsplit

from .. import __version__
from ..events import Troubles
from ..tasks import in_thread
from .background import Background
from .receivers import mask


# Seconds for one request, and between tries; the next poll tries again anyway.
TIMEOUT, DELAYS = 10.0, (1.0, 5.0)


class Heartbeat:
    """
    Tells the address *url* how polls end; *troubles* hears when it cannot be told.
    """

    def __init__(self, url: str, background: Background, troubles: Troubles) -> None:
        self.url = url
        self.background = background
        self.troubles = troubles
        self.name = mask(url)
        # How the last poll ended that was not told yet.
        self._latest: bool | None = None
        self._is_beating = False

    def beat(self, *, succeeded: bool) -> None:
        """
        Tell soon that a poll ended. Only the last one counts.
        """
        self._latest = succeeded
        if not self._is_beating:
            self._is_beating = self.background.start(self._beat_all(), name="heartbeat")

    async def _beat_all(self) -> None:
        try:
            while self._latest is not None:
                succeeded, self._latest = self._latest, None
                await self._beat(self.url if succeeded else failing(self.url))
        finally:
            self._is_beating = False

    async def _beat(self, url: str) -> None:
        for delay in (*DELAYS, None):
            problem = await in_thread(lambda: ask(url), name="heartbeat")
            if problem is None:
                self.troubles.end("heartbeat", self.name)
                return
            self.troubles.note("heartbeat", problem, subject=self.name)
            if delay is None or self._latest is not None:
                return
            await asyncio.sleep(delay)


def failing(url: str) -> str:
    """
    Return the address that says that a poll failed.
    """
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


def ask(url: str) -> str | None:
    """
    Ask for an address, and return why that failed, if so. Blocks.
    """
    # Whoever has no heartbeat does not wait for them.
    import urllib.error
    import urllib.request

    agent = {"User-Agent": f"hn-comments/{__version__}"}
    request = urllib.request.Request(url, headers=agent)  # noqa: S310 - checked in the settings
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
            return None
    except urllib.error.HTTPError as exc:
        return f"HTTP {exc.code}"
    except (OSError, ValueError) as exc:
        # The reason of a URLError is the error below it; its own words may hold the address.
        return str(getattr(exc, "reason", "")) or type(exc).__name__
