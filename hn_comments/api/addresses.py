"""
Say which addresses can be used, and through which proxy.

A client that is given an address checked here raises no ValueError for it.
"""

from typing import TYPE_CHECKING

from ..errors import BadProxy


if TYPE_CHECKING:
    from yarl import URL


def parse(text: str) -> "URL":
    """
    Return *text* as a URL to which a connection can be tried.

    Raises:
        ValueError: if *text* is no such URL.
    """
    # Imported here, as urllib below, because --help need not wait for them.
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

    aiohttp's trust_env would ask anew for every request, in a thread.

    Raises:
        BadProxy: if that is not an HTTP proxy, the only kind that aiohttp can use.
    """
    import urllib.request

    url = parse(api_url)
    host = url.host or ""
    # An entry of NO_PROXY may name a port or none.
    if any(urllib.request.proxy_bypass(name) for name in (host, f"{host}:{url.port}")):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    if not proxy:
        return None
    try:
        return parse(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        raise BadProxy(proxy) from None
