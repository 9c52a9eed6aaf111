"""
Where the API's values come from: what a `URLFetcher` needs to know of it.

The fetcher counts, retries and keeps the pace, and does not know which source is below it.
"""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Protocol

from yarl import URL

from ..events import Troubles
from ..settings import Settings, SourceName
from .pacer import Pacer
from .session import Session


class Source(Protocol):
    """
    A way to the API, for all polls. *name* is the protocol that carries it now.

    *tells* is whether it says by itself, through *on_change*, when a watched path changes.
    """

    settings: Settings
    pacer: Pacer
    on_change: Callable[[], object]

    @property
    def name(self) -> SourceName: ...

    @property
    def tells(self) -> bool: ...

    async def get(self, path: str, url: URL, *, soon: bool = False) -> Any:
        """
        Return what is at *path*, whose address is *url*; *soon* is in a share of the time.

        That is JSON as bytes, a value that is decoded already, or a `URL` at which to ask again.

        Raises:
            FetchError: whatever went wrong, in one sentence.
        """

    def watch(self, paths: Collection[str]) -> None:
        """
        Watch *paths*, and no others any more.
        """


@asynccontextmanager
async def open_source(settings: Settings, troubles: Troubles) -> AsyncIterator[Source]:
    """
    Yield the source that *settings* want, as long as it is open.
    """
    async with Session(settings) as session:
        if settings.source == "http":
            yield session
            return
        # Imported here because nobody else needs it.
        from .socket import SocketSource

        async with SocketSource(session, troubles) as source:
            yield source
