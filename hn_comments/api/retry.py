"""
Say which errors are transient, and how long to wait before each retry.

The loop that uses both is in `fetcher`.
"""

import random
from collections.abc import Iterator

from ..errors import BadStatus, ConnectionFailed, FetchError, FetchTimeout, NotJSON, ProxyFailed


# Seconds before the first retry: most hiccups of a loaded server are over by then.
FIRST_DELAY = 0.25

# Seconds between retries at most: ten retries wait for less than a minute in all.
MAX_DELAY = 8.0

# Each delay is at least this share of its nominal length; the rest is random, so that
# requests that failed together do not come back together.
MIN_SHARE = 0.5

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
    Yield *retries* delays in seconds, each about twice the one before.
    """
    for exponent in range(retries):
        nominal = min(FIRST_DELAY * 2**exponent, MAX_DELAY)
        yield nominal * random.uniform(MIN_SHARE, 1)
