"""
Say which addresses can be used, and through which proxy.
"""

import urllib.request

from .errors import BadProxy


def proxy_for(api_url: str) -> str | None:
    """
    Return the proxy that the environment (HTTPS_PROXY, NO_PROXY, ...) wants for *api_url*.

    aiohttp's trust_env asks anew, in a thread, for every single request.

    Raises:
        BadProxy: if it is not an HTTP proxy, the only kind that aiohttp can use.
    """
    from yarl import URL

    url = URL(api_url)
    if url.host is None or urllib.request.proxy_bypass(url.host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        usable = URL(proxy).scheme in {"http", "https"} and URL(proxy).host
    except ValueError:
        usable = None
    if not usable:
        raise BadProxy(proxy)
    return proxy
