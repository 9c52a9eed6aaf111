"""
The limit of the system on open files, of which each connection is one.
"""

import logging
import sys


try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]


logger = logging.getLogger(__name__)


def most_sockets(others: int) -> int:
    """
    Return how many sockets the limit leaves room for beside *others*, one at least.
    """
    if resource is None:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    # A very low limit is shared with the rest.
    return max(1, soft - others, soft // 4)


def raise_file_limit(wanted: int) -> None:
    """
    Let this process open *wanted* files, or as many as the system allows.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as exc:
        # A system can refuse what the hard limit allows. The pacer keeps below the soft one.
        logger.debug("The limit on open files stays at %d: %s", soft, exc)
