"""Which addresses can be used, and through which proxy."""

import pytest

from hn_comments import BadProxy
from hn_comments.api.addresses import proxy_for


PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment without proxies, whoever runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)
    monkeypatch.delenv("REQUEST_METHOD", raising=False)


@pytest.mark.parametrize(
    ("variables", "http", "https"),
    [
        ({}, None, None),
        ({"https_proxy": PROXY}, None, PROXY),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"http_proxy": PROXY}, PROXY, None),
        ({"HTTP_PROXY": " proxy.example:3128 "}, PROXY, None),
        # The lower case counts first, but not where it is empty.
        ({"http_proxy": PROXY, "HTTP_PROXY": "http://other.example:1"}, PROXY, None),
        ({"http_proxy": "", "HTTP_PROXY": PROXY}, PROXY, None),
        # For what has none of its own.
        ({"all_proxy": PROXY}, PROXY, PROXY),
        (
            {"ALL_PROXY": PROXY, "https_proxy": "http://tls.example:1"},
            PROXY,
            "http://tls.example:1",
        ),
        # In CGI, the upper case is a header that any client can send.
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": PROXY, "HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, PROXY, PROXY),
    ],
)
def test_proxy_comes_from_the_environment(
    variables: dict[str, str],
    http: str | None,
    https: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As curl and Go read it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = [proxy_for(f"{scheme}://hn.example/v0") for scheme in ("http", "https")]

    assert [url and str(url) for url in found] == [http, https]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.10",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "[::1]",
        "[::ffff:7f00:1]",
    ],
)
def test_loopback_needs_no_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy would take itself for the one that is meant."""
    monkeypatch.setenv("ALL_PROXY", PROXY)

    assert proxy_for(f"http://{host}:8123/v0") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        ("*", "hn.example"),
        ("other.example, *", "hn.example"),
        ("hn.example", "hn.example"),
        ("HN.example.", "hn.example"),
        ("hn.example", "hn.example."),
        ("hn.example", "a.hn.example"),
        (".hn.example", "a.hn.example"),
        (".hn.example", "hn.example"),
        ("*.hn.example", "a.hn.example"),
        ("a.example,hn.example", "hn.example"),
        (" a.example ,\thn.example ", "hn.example"),
        ("a.example hn.example", "hn.example"),
        ("hn.example:80", "hn.example"),
        ("hn.example:8080", "hn.example:8080"),
        ("*.example:8080", "hn.example:8080"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3:80", "10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.9.9.9/8", "10.1.2.3"),
        ("10.0.0.0/8:80", "10.1.2.3"),
        ("fd00::/8", "[fd12::1]"),
        ("fd12::1", "[fd12::1]"),
        ("[fd12::1]", "[fd12::1]"),
        ("[fd12::1]:80", "[fd12::1]"),
        ("10.0.0.0/8", "[::ffff:10.1.2.3]"),
    ],
)
def test_excepted(exceptions: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with what is below them, addresses, networks, ports, everything."""
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)

    assert proxy_for(f"http://{host}/v0") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        ("hn.example", "xhn.example"),
        ("n.example", "hn.example"),
        ("*.hn.example", "hn.example"),
        ("hn.example:8080", "hn.example"),
        (".", "hn.example"),
        (f"hn.example:{'9' * 9999}", "hn.example"),
        ("", "hn.example"),
        ("10.1.2.3:81", "10.1.2.3"),
        ("10.0.0.0/8", "11.1.2.3"),
        ("10.0.0.0/99", "10.1.2.3"),
        ("10.0.0.0/8", "10.example"),
        ("3", "10.1.2.3"),
        ("[fd12::1]:81", "[fd12::1]"),
        ("fd00::/8", "[fe12::1]"),
    ],
)
def test_not_excepted(exceptions: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name or port, another network, or nonsense."""
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)

    assert str(proxy_for(f"http://{host}/v0")) == PROXY


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://127.0.0.1:9",
        "http://[bad",
        "http://",
        "http://pr oxy:9",
        "http://proxy\\x:9",
        "http://pro\x1bxy:9",
    ],
)
@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
def test_unusable_proxy_is_refused(
    variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than spoken to in a protocol that it does not know."""
    monkeypatch.setenv(variable, proxy)

    with pytest.raises(BadProxy, match=f"in {variable} is not"):
        proxy_for("https://hn.example/v0")
