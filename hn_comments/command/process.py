"""
Fit the process to a thousand requests in flight.

Only the command does this: a program that imports the package decides for itself.
"""

import gc

from ..files import raise_file_limit
from ..settings import Settings


# Objects made since the last garbage collection that start the next one; Python's own is
# 700. A pending comment has some ten, and cycles are rare: only failures make them.
GC_THRESHOLD = 50_000

# Bytes of the buffer that asyncio makes for each TLS connection, 256 KB by itself: a thousand
# would take 250 MB, and a tenth of a walk's CPU to clear. A TLS record has 16 KB at most.
TLS_BUFFER = 32 << 10


def fit_process(settings: Settings) -> None:
    """
    Have collector, buffers and the limit on open files suit what *settings* allow.
    """
    from asyncio import sslproto

    # The collector would walk thousands of pending tasks again and again, a fifth of the
    # time of a cold walk. What is imported by now stays anyway.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    raise_file_limit(settings.connections + settings.other_files)
