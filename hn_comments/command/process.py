"""
Fit the process to a thousand requests in flight.

Only the command does this: a program that imports the package decides for itself.
"""

import gc

from ..files import raise_file_limit
from ..settings import Settings


# Bytes of the buffer that asyncio makes for each TLS connection, 256 KB by itself: a thousand
# would take 250 MB, and a tenth of a walk's CPU to clear. A TLS record has 16 KB at most.
TLS_BUFFER = 32 << 10


def fit_process(settings: Settings) -> None:
    """
    Have buffers and the limit on open files suit what *settings* allow.
    """
    from asyncio import sslproto

    # What is imported by now stays: the collector need not look at it.
    gc.freeze()
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    raise_file_limit(settings.connections + settings.other_files)
