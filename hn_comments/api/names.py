"""
Look up the addresses of names, in threads that nobody waits for.

A silent name server holds up a thread for up to half a minute. The program would wait at its end
for a thread of asyncio's or uvloop's, even after a signal.
"""

import functools
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from ..tasks import in_thread


# Asks only for kinds of addresses that this machine has. macOS defines more bits than it accepts.
FLAGS = socket.AI_ADDRCONFIG & getattr(socket, "AI_MASK", -1)

NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Resolver(AbstractResolver):
    """
    A resolver for aiohttp, which asks once at a time for each name.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return await in_thread(functools.partial(look_up, host, port, family), name="names")

    async def close(self) -> None:
        """
        Do nothing: a thread that still looks up a name disturbs nobody.
        """


def look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    """
    Return the addresses of *host*, as the system has them.
    """
    # "localhost" has an address without a network, too.
    flags = 0 if host == "localhost" else FLAGS
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    return [
        ResolveResult(
            hostname=host,
            # With the zone of a link-local address: *address* alone has only its number.
            host=socket.getnameinfo(address, NUMERIC)[0],
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in infos
    ]
