"""The addresses that can be used, and their proxies."""

import pytest

from hn_comments import (
    BadProxy,
)
from hn_comments.api.addresses import proxy_for


def test_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY for https, NO_PROXY for exceptions."""
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.setenv("no_proxy", "internal.example")

    assert str(proxy_for("https://hn.example/v0")) == "http://proxy.example:3128"
    assert proxy_for("https://internal.example/v0") is None
    assert proxy_for("http://hn.example/v0") is None


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://[bad", "http://"])
def test_unusable_proxy_is_refused(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that speaks another protocol ends the program, not each request."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)

    with pytest.raises(BadProxy):
        proxy_for("https://hn.example/v0")
