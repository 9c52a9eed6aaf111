"""
The limit of the system on open files, of which each connection is one.
"""

import sys

from ..settings import OTHER_FILES


try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]


def most_sockets() -> int:
    """
    Return how many sockets the limit leaves room for, one at least.
    """
    if resource is None:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    # A very low limit is shared with the rest.
    return max(1, soft - OTHER_FILES, soft // 4)
