"""Where the port may listen, and what a request may call it."""

import socket

import pytest

from hn_comments import Settings
from hn_comments.service.hosts import Place
from hn_comments.settings import BadSetting


LOCAL = ["127.0.0.1", "127.0.0.1:8000", "127.1.2.3", "[::1]", "[::1]:80", "localhost", "LOCALHOST."]
FOREIGN = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
BROKEN = ["", ":8000", "a@127.0.0.1", "127.0.0.1/x", "[::1", "::1", "127.0.0.1:80:80", "[evil]"]


@pytest.mark.parametrize("name", [*LOCAL, None])
@pytest.mark.parametrize("place", ["8000", "192.168.1.5:8000", "0.0.0.0:8000", "[::]:8000"])
def test_loopback_is_always_meant(place: str, name: str | None) -> None:
    """A tunnel ends there; and only browsers, which always send a name, can be tricked."""
    assert Place(place).allows(name)


@pytest.mark.parametrize("name", [*FOREIGN, *BROKEN])
@pytest.mark.parametrize("place", ["8000", "192.168.1.5:8000", "0.0.0.0:8000", "[::]:8000"])
def test_what_a_stranger_can_register_is_never_meant(place: str, name: str) -> None:
    """Nor what is no name at all."""
    assert not Place(place).allows(name)


def test_an_address_is_called_by_itself() -> None:
    """And by the name that the user gave it, but by no other."""
    place = Place("192.168.1.5:8000")
    assert place.allows("192.168.1.5:8000")
    assert not place.allows("192.168.1.6:8000")
    assert not place.allows("raspberrypi")

    named = Place("Watcher.example.com:8000")
    assert named.allows("watcher.example.com:9090")
    assert not named.allows("example.com")


@pytest.mark.parametrize(
    "name",
    [
        *("10.0.0.7:8000", "[fe80::1]:8000", "hn-comments:8000", "hn.monitoring.svc.cluster.local"),
        *("raspberrypi.local", "watcher.lan", "watcher.home.arpa", "host.docker.internal"),
    ],
)
def test_all_addresses_are_called_whatever_no_stranger_can_be(name: str) -> None:
    """Prometheus by an address, a container by its name, a phone by that of the network."""
    assert Place("0.0.0.0:8000").allows(name)
    assert not Place("8000").allows(name)


def test_all_addresses_are_called_by_the_name_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where that is a public one."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Server.example.com")

    assert Place("[::]:8000").allows("server.example.com:8000")
    assert not Place("[::]:8000").allows("other.example.com:8000")


@pytest.mark.parametrize(
    "value", ["8000", "0", "127.0.0.1:8000", "[::1]:0", "[::]:65535", "localhost:1", "a.example:80"]
)
def test_places_to_listen(value: str) -> None:
    """All of them are understood, and said again as they were named."""
    assert Settings(serve=value).serve == value
    assert str(Place(value)).endswith(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", ":8000", "65536", "-1", "8000 ", "::1:8000", "[::1]", "a/b:80", "h:1:2"),
        *("[x]:1", "a b:80", "http://a:80", "me@a:80", "8000/", "é:1", 8000),
    ],
)
def test_no_places_to_listen(value: str) -> None:
    """One sentence says what is."""
    with pytest.raises(BadSetting, match=r"`serve` must be PORT or HOST:PORT, such as 8000 or "):
        Settings(serve=value)


def test_a_single_poll_serves_nobody() -> None:
    """It would end before anybody has looked."""
    with pytest.raises(BadSetting, match="`serve` has no effect in a single poll"):
        Settings(serve="8000", polls=1)
