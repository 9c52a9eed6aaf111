"""
Say which errors are transient, and how long to wait before each retry.

The loop that uses both is in `fetcher`.
"""

import itertools
from collections.abc import Iterator

from ..errors import BadStatus, ConnectionFailed, FetchError, FetchTimeout, NotJSON, ProxyFailed
from ..tasks import delays as endless_delays


# Seconds before the first retry: most hiccups of a loaded server are over by then.
FIRST_DELAY = 0.25

# Seconds between retries at most: ten retries wait for less than a minute in all.
MAX_DELAY = 8.0

# Client errors that mean "later": Request Timeout, Enhance Your Calm, Too Early,
# Too Many Requests (RFC 9110, RFC 8470, RFC 6585). All of 5xx is added below.
TRANSIENT_STATUSES = frozenset({408, 420, 425, 429})


def is_transient(error: FetchError) -> bool:
    """
    Return whether the same request may well succeed a little later.
    """
    if isinstance(error, BadStatus):
        # Hacker News has been seen to answer 401 for ordinary comments, for a while.
        refused_item = error.status == 401 and error.path.startswith("item/")
        return refused_item or error.status in TRANSIENT_STATUSES or error.status // 100 == 5
    if isinstance(error, ProxyFailed):
        return error.status != 407
    return isinstance(error, (FetchTimeout, ConnectionFailed, NotJSON))


def delays(retries: int) -> Iterator[float]:
    """
    Return *retries* delays in seconds, each about twice the one before.
    """
    return itertools.islice(endless_delays(FIRST_DELAY, MAX_DELAY), retries)
