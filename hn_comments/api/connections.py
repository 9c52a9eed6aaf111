"""
The connections to one server: how far each request came, and which connections are still good.

aiohttp says how a request ended. A server or a network that is silent ends none: a time limit
does, and only the progress noted here tells why.
"""

import asyncio
import socket
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import aiohttp

from .names import Resolver
from .room import Room


if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection


# Seconds an idle connection is kept: polls at a period up to this find open connections.
# Servers that close earlier cost a retry.
KEEP_ALIVE = 75.0


class Phase(Enum):
    """
    The part of a request that is under way, and the reason if it never ends.
    """

    NAME = "the name was not resolved"
    CONNECTION = "no connection"
    TLS = "connected, but no TLS"
    ANSWER = "connected, but no answer"
    BODY = "the answer is not complete"


class Attempt:
    """
    How far one request has come.
    """

    __slots__ = ("answered", "protocol", "reached", "sockets", "transport")

    def __init__(self) -> None:
        # The sockets made for this request; none if it goes over a kept connection.
        self.sockets: tuple[socket.socket, ...] = ()
        # The connection and its end, once there is one.
        self.protocol: ResponseHandler | None = None
        self.transport: asyncio.Transport | None = None
        # Whether the head of an answer has come.
        self.answered = False
        # The phase in which the time was over.
        self.reached: Phase | None = None

    @property
    def is_kept_and_silent(self) -> bool:
        """
        Whether the request went over a kept connection, and no answer began.
        """
        return self.transport is not None and not self.sockets and not self.answered

    def note_phase(self) -> None:
        """
        Note the phase; called before a time limit undoes it.
        """
        self.reached = self._phase()

    def _phase(self) -> Phase:
        if self.answered:
            return Phase.BODY
        if self.transport is not None:
            return Phase.ANSWER
        if not self.sockets:
            return Phase.NAME
        return Phase.TLS if any(map(is_connected, self.sockets)) else Phase.CONNECTION


# The attempt of the current task; the tasks that connect for it inherit its context.
ATTEMPT: ContextVar[Attempt] = ContextVar("ATTEMPT")


def begin_attempt() -> Attempt:
    """
    Return a new attempt of the current task.
    """
    attempt = Attempt()
    ATTEMPT.set(attempt)
    return attempt


class Connector(aiohttp.TCPConnector):
    """
    A pool of connections that can be given up or given back, all at once.
    """

    def __init__(self, room: Room) -> None:
        super().__init__(
            # No limit of aiohttp's: waiting for a free connection would count as waiting for
            # an answer. The pacer's limit comes before the timeout starts.
            limit=0,
            keepalive_timeout=KEEP_ALIVE,
            resolver=Resolver(),
            socket_factory=self._make_socket,
        )
        self._room = room
        # The connections that have answered, and were not given up.
        self._good: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, *arguments: Any, **more: Any) -> "Connection":
        """
        Return a kept connection that was not given up, or a new one.
        """
        attempt = ATTEMPT.get()
        while True:
            connection = await super().connect(*arguments, **more)
            attempt.protocol, transport = connection.protocol, connection.transport
            if not attempt.sockets and attempt.protocol not in self._good:
                connection.close()
                break_off(transport)
                continue
            attempt.transport = transport
            return connection

    def prove(self, attempt: Attempt) -> None:
        """
        Note that the new connection of *attempt* has answered.
        """
        self._room.prove(attempt)
        if attempt.protocol is not None:
            self._good.add(attempt.protocol)

    def end(self, attempt: Attempt) -> None:
        """
        Note that *attempt* is over, however it went: its connection is new no more.
        """
        self._room.new.discard(attempt)
        break_off(attempt.transport)

    def count(self) -> int:
        """
        Return how many connections are open and have answered.
        """
        return sum(protocol.is_connected() for protocol in self._good)

    def give_up(self) -> None:
        """
        Never use the connections again that are open now.
        """
        self._good.clear()

    def give_back(self, kept: int) -> None:
        """
        Close all connections but so many; none may be in use.
        """
        for protocol in [each for each in self._good if each.is_connected()][kept:]:
            self._good.discard(protocol)
            transport = protocol.transport
            protocol.close()
            if isinstance(transport, asyncio.Transport):
                break_off(transport)

    def _make_socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """
        Return a socket for *address*, and note it in the current attempt.
        """
        attempt = ATTEMPT.get()
        # Added first: having no more files is a failed connection, too.
        self._room.new.add(attempt)
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        attempt.sockets += (made,)
        return made


def break_off(transport: asyncio.Transport | None) -> None:
    """
    End the connection of *transport* now, if it is being closed.

    TLS would wait half a minute for the goodbye of a server that is silent.
    """
    if transport is not None and transport.is_closing():
        transport.abort()


def is_connected(tried: socket.socket) -> bool:
    """
    Return whether the other side has accepted the connection.
    """
    try:
        tried.getpeername()
    except OSError:
        return False
    return True
