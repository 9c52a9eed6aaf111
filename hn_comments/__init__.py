"""
Watch Hacker News discussions: every comment counted, none guessed.

The names below are the library. They are imported on first use, so that
`hn-comments --help` need not wait for aiohttp.
"""

from importlib import import_module


# A type checker takes this for typing.TYPE_CHECKING, without its import time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .comments import count_comments
    from .errors import (
        BadProxy,
        BadStatus,
        BodyTooLarge,
        CertificateInvalid,
        ConnectionFailed,
        FetchError,
        FetchLimitExceeded,
        FetchTimeout,
        HNCommentsError,
        MalformedItem,
        NoSuchItem,
        NotJSON,
        PollFailed,
        ProxyFailed,
        RateLimited,
        RedirectRefused,
        StillUnreadable,
        TooManyErrors,
    )
    from .fetcher import URLFetcher
    from .models import Comment, Count, Item, PollReport, PostReport, Settings
    from .session import Session
    from .watch import Control, watch

__version__ = "0.1.0"

__all__ = [
    "BadProxy",
    "BadStatus",
    "BodyTooLarge",
    "CertificateInvalid",
    "Comment",
    "ConnectionFailed",
    "Control",
    "Count",
    "FetchError",
    "FetchLimitExceeded",
    "FetchTimeout",
    "HNCommentsError",
    "Item",
    "MalformedItem",
    "NoSuchItem",
    "NotJSON",
    "PollFailed",
    "PollReport",
    "PostReport",
    "ProxyFailed",
    "RateLimited",
    "RedirectRefused",
    "Session",
    "Settings",
    "StillUnreadable",
    "TooManyErrors",
    "URLFetcher",
    "__version__",
    "count_comments",
    "watch",
]


def __getattr__(name: str) -> object:
    """
    Import a public name from the module that defines it (PEP 562).
    """
    if name in __all__:
        for module in ("errors", "models", "session", "fetcher", "comments", "watch"):
            found = vars(import_module(f".{module}", __name__)).get(name)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
