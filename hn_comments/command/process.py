"""
Fit the process to a thousand requests in flight.

Only the command does this: a program that imports the package decides for itself.
"""

import gc
import logging

from ..settings import OTHER_FILES


try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]


logger = logging.getLogger(__name__)

# Objects made since the last garbage collection that start the next one; Python's own is
# 700. A pending comment has some ten, and cycles are rare: only failures make them.
GC_THRESHOLD = 50_000

# Bytes of the buffer that asyncio makes for each TLS connection, 256 KB by itself: a thousand
# would take 250 MB, and a tenth of a walk's CPU to clear. A TLS record has 16 KB at most.
TLS_BUFFER = 32 << 10


def fit_process(connections: int) -> None:
    """
    Have collector, buffers and the limit on open files suit so many *connections*.
    """
    from asyncio import sslproto

    # The collector would walk thousands of pending tasks again and again, a fifth of the
    # time of a cold walk. What is imported by now stays anyway.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    raise_file_limit(connections + OTHER_FILES)


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
