"""
Say why a request failed: in which phase, and what may be wrong with the address.
"""

import os

import aiohttp
from yarl import URL

from .connections import Phase


# For each scheme, the other one, which an address may be meant to have, and the scheme's own
# port, at which nobody means the other.
OTHER_SCHEME = {"http": ("https", 80), "https": ("http", 443)}


def describe(exc: BaseException) -> str:
    """
    Return a sentence for an error of aiohttp or the system; some have none of their own.
    """
    if isinstance(exc, aiohttp.ClientConnectorError):
        return describe_connecting(exc)
    if isinstance(exc, aiohttp.ClientPayloadError):
        # The parser's message; str() of its error would add a status.
        return f"the answer broke off: {getattr(exc.__cause__, 'message', exc)}"
    if isinstance(exc, aiohttp.ClientResponseError):
        # str(exc) would show the whole address, perhaps with a password. The message can end
        # with a "^" below the wrong character.
        return f"the answer is not HTTP: {exc.message.rstrip(' ^')}"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "the server hung up without an answer"
    if isinstance(exc, OSError):
        return f"the connection broke: {system_reason(exc)}"
    return str(exc) or type(exc).__name__


def describe_connecting(exc: aiohttp.ClientConnectorError) -> str:
    """
    Return a sentence for a connection that could not be made.
    """
    place = f"{exc.host}:{exc.port}"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"the name {exc.host} was not resolved: {exc.strerror}"
    if speaks_no_tls(exc):
        return f"{place} does not speak TLS"
    if isinstance(exc, aiohttp.ClientSSLError):
        return f"no TLS connection to {place}: {exc.os_error}"
    proxy = "the proxy " if isinstance(exc, aiohttp.ClientProxyConnectionError) else ""
    return f"cannot connect to {proxy}{place}: {system_reason(exc.os_error)}"


def system_reason(exc: OSError) -> str:
    """
    Return the system's sentence, which asyncio replaces by addresses.
    """
    return os.strerror(exc.errno) if exc.errno else str(exc) or type(exc).__name__


def speaks_no_tls(exc: BaseException) -> bool:
    """
    Return whether the server answered the start of TLS with something else.
    """
    return isinstance(exc, aiohttp.ClientSSLError) and "WRONG_VERSION_NUMBER" in str(exc.os_error)


def guess(exc: BaseException, url: URL, phase: Phase | None) -> str:
    """
    Return a guess at why an address has never answered, or "".
    """
    scheme, usual_port = OTHER_SCHEME[url.scheme]
    if url.port == usual_port:
        return ""
    if url.scheme == "https":
        # A server without TLS may wait for the rest of what it takes for a line.
        suspicious = speaks_no_tls(exc) or phase is Phase.TLS
    else:
        # A server that speaks only TLS hangs up when it reads plain HTTP.
        suspicious = isinstance(exc, aiohttp.ClientConnectionError) and not isinstance(
            exc, aiohttp.ClientConnectorError
        )
    return f" (is it an {scheme}:// address?)" if suspicious else ""
