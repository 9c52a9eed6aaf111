"""
Say which addresses can be used, and through which proxy.

A client that is given an address checked here raises no ValueError for it.
"""

import ipaddress
import os
import re
from typing import TYPE_CHECKING

from ..errors import BadProxy


if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from yarl import URL


def parse(text: str) -> "URL":
    """
    Return *text* as a URL to which a connection can be tried.

    Raises:
        ValueError: if *text* is no such URL.
    """
    # Imported here because --help need not wait for it.
    from yarl import URL

    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("unusual characters")
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host or not url.port:
        raise ValueError("not an address")
    # The resolver encodes it, too, and would fail there at labels that are empty or too long.
    url.host.encode("idna")
    (url.raw_host or "").encode("idna")
    return url


def proxy_for(api_url: str) -> "URL | None":
    """
    Return the proxy that the environment (HTTPS_PROXY, NO_PROXY, ...) wants for *api_url*.

    It is read as curl and Go read it: NO_PROXY may name networks. aiohttp's trust_env knows none,
    and would ask anew for every request, in a thread.

    Raises:
        BadProxy: if that is not an HTTP proxy, the only kind that aiohttp can use.
    """
    url = parse(api_url)
    host = (url.raw_host or "").removesuffix(".")
    _, exceptions = read_variable("no_proxy")
    if is_loopback(host) or is_excepted(host, url.port, exceptions):
        return None
    name, proxy = read_variable(f"{url.scheme}_proxy")
    if not proxy:
        name, proxy = read_variable("all_proxy")
    if not proxy:
        return None
    try:
        return parse(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        raise BadProxy(proxy, name) from None


def read_variable(name: str) -> tuple[str, str]:
    """
    Return the variable *name*, in lower or upper case, as its spelling and its value.
    """
    for spelling in (name, name.upper()):
        # In CGI, this is the header "Proxy" of a request: https://httpoxy.org
        if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
            continue
        if value := os.environ.get(spelling, "").strip():
            return spelling, value
    return name, ""


def is_loopback(host: str) -> bool:
    """
    Return whether *host* is this machine; a proxy would take it for its own.
    """
    address = parse_ip(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback


def is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    """
    Return whether one of the *exceptions*, a list as in NO_PROXY, is about *host* and *port*.
    """
    for entry in exceptions.lower().replace(",", " ").split():
        # A port follows a name, an IPv4 address or network, or an IPv6 address in brackets.
        match = re.fullmatch(r"(\[.*\]|[^:]*):([0-9]{1,5})", entry)
        place, wanted = (match[1], int(match[2])) if match else (entry, port)
        if wanted == port and covers(place, host):
            return True
    return False


def covers(place: str, host: str) -> bool:
    """
    Return whether *host* is *place*, or below it: a name, an address, a network or "*".
    """
    if place == "*":
        return True
    address = parse_ip(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(place.strip("[]"), strict=False)
        except ValueError:
            return False
    domain = place.removeprefix("*").removeprefix(".").removesuffix(".")
    above = host == domain and not place.startswith("*")
    return above or host.endswith(f".{domain}")


def parse_ip(host: str) -> "IPv4Address | IPv6Address | None":
    """
    Return *host* as an IP address, or None if it is a name.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # An IPv4 address can be written as an IPv6 address.
    return getattr(address, "ipv4_mapped", None) or address
