"""
Tell systemd, or who else has set NOTIFY_SOCKET, that the program is ready, and that it lives.

The protocol is that of sd_notify(3): a datagram with lines to a socket.
"""

import contextlib
import os
import socket
from collections.abc import Mapping

from ..models import PollReport
from .listener import Listener


class Systemd(Listener):
    """
    Tells the socket at *address*; one that begins with "@" is abstract.

    The first poll that ends, in whatever way, makes the program ready: an outage of Hacker News
    is no reason to restart it. Each further one shows that it lives.
    """

    def __init__(self, address: str) -> None:
        self.address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._ready = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Systemd | None":
        """
        Return what tells the socket that the environment names, if it does.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        # There are sockets of other families; systemd uses them for virtual machines.
        usable = address.startswith(("/", "@")) and hasattr(socket, "AF_UNIX")
        return cls(address) if usable else None

    def publish(self, report: PollReport) -> None:  # noqa: ARG002
        """
        Tell that a poll has ended.
        """
        self._send("WATCHDOG=1" if self._ready else "READY=1\nWATCHDOG=1")
        self._ready = True

    def close(self) -> None:
        """
        Tell that the program is about to end.
        """
        self._send("STOPPING=1")
        self._socket.close()

    def _send(self, state: str) -> None:
        # Who listens there may be gone, or behind: that must not end a poll, or delay one.
        with contextlib.suppress(OSError):
            self._socket.sendto(state.encode(), self.address)
