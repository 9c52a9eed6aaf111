"""
Where the port listens, and by which names requests may call it.

A page from elsewhere cannot read what is here, as long as its own name leads to its own address.
DNS rebinding gives its name our address instead; then its requests carry that name in `Host`,
and are refused. No name that a stranger can register may be allowed: see docs/service.md.
"""

import ipaddress
import os
import re
import socket

from ..errors import CannotServe
from ..events import Serving


# The host of a --serve that names none.
LOCAL = "127.0.0.1"

# Connections that wait to be accepted.
BACKLOG = 128

# Milliseconds after which the system drops a client that takes nothing of what is sent.
STALLED = 30_000

# Ends of names that no public DNS answers: RFC 6761 and 6762, RFC 8375, ICANN's `internal`, and
# what routers and Kubernetes use.
PRIVATE = (".localhost", ".local", ".home.arpa", ".internal", ".lan", ".svc")

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@]*)(:[0-9]*)?", re.IGNORECASE)


class Place:
    """
    The host and the port of --serve, as in "8000", "192.168.1.5:8000" or "[::]:8000".
    """

    def __init__(self, text: str) -> None:
        host, _, port = text.rpartition(":")
        self.host = host.strip("[]").lower().removesuffix(".") or LOCAL
        self.port = int(port)
        self._is_chosen = self.port == 0
        # What a name turned out to mean, once it listens.
        self.address = self.host

    @property
    def is_wildcard(self) -> bool:
        """
        Whether all addresses of the machine are meant.
        """
        address = read_address(self.host)
        return address is not None and address.is_unspecified

    def listen(self) -> socket.socket:
        """
        Return an open socket, and set the port that the system has chosen, if it was 0.

        Raises:
            CannotServe: if the host is not ours, or the port is taken.
        """
        v6 = ":" in self.host
        try:
            listening = socket.create_server(
                (self.host, self.port),
                family=socket.AF_INET6 if v6 else socket.AF_INET,
                backlog=BACKLOG,
                # As others do it: [::] is every address, those of IPv4 too.
                dualstack_ipv6=v6 and self.is_wildcard and socket.has_dualstack_ipv6(),
            )
        except OSError as exc:
            # Python adds the address to the system's sentence; a name server has no errno.
            reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror
            raise CannotServe("serve", f"cannot listen on {self}: {reason}") from exc
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED)
        self.address, self.port = listening.getsockname()[:2]
        return listening

    def announce(self) -> Serving:
        """
        Return what there is to say once it listens.
        """
        return Serving(url=f"http://{self}/", chosen=self._is_chosen)

    def allows(self, header: str | None) -> bool:
        """
        Return whether a request may call this server so. Browsers always call it something.
        """
        if header is None:
            return True
        match = HOST.fullmatch(header)
        if match is None:
            return False
        name = match[1].strip("[]").lower().removesuffix(".")
        address = read_address(name)
        if address is not None:
            ours = read_address(self.address)
            return address.is_loopback or self.is_wildcard or address == ours
        if name in {"localhost", self.host} or name.endswith(".localhost"):
            return True
        return self.is_wildcard and is_private(name)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def is_private(name: str) -> bool:
    """
    Return whether *name* is this machine's, or one that no stranger can have.
    """
    alone = "." not in name and bool(name)
    return alone or name.endswith(PRIVATE) or name == socket.gethostname().lower()


def read_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """
    Return the address that *host* is, unless it is a name.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
