"""
Arbitrary bytes as answers, from a server that knows no HTTP.

For any answer a fetch gives a value or one error of ours, with a reason of one short line, and
the next fetch finds everything as it was. With `-m long` many more answers are tried.
"""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hn_comments import (
    BadProxy,
    ConnectionFailed,
    FetchError,
    FetchTimeout,
    HNCommentsError,
    MalformedItem,
    ProxyFailed,
    RedirectRefused,
    Session,
    Settings,
    URLFetcher,
)
from hn_comments.api.addresses import proxy_for
from hn_comments.api.items import MAX_KIDS, parse_item, parse_json

from .support import MS, run


# Characters of a reason at most.
SHORT = 200

LONG = pytest.mark.long


class Raw:
    """A server that reads the head of a request, and sends the bytes that a test gives it."""

    answer = b""
    chunks = 1
    pause = 0.0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            size = len(self.answer) // self.chunks + 1
            for start in range(0, len(self.answer), size):
                writer.write(self.answer[start : start + size])
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Raw, str]]:
    """Yield the server, and its host and port."""
    raw = Raw()
    server = await asyncio.start_server(raw.handle, "127.0.0.1", 0, ssl=context)
    try:
        yield raw, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
def fetch() -> Iterator[Callable[[bytes], Any]]:
    """Yield a function that fetches item 1 for a given answer, and returns the error if any."""
    with asyncio.Runner() as runner:
        servers = raw_server()
        raw, address = runner.run(servers.__aenter__())
        chosen = Settings(api_url=f"http://{address}", retries=0, fetch_timeout=1000 * MS)

        async def one(answer: bytes) -> Any:
            raw.answer = answer
            async with Session(chosen) as session:
                fetcher = URLFetcher(session, max_fetches=4)
                try:
                    return await fetcher.fetch_item(1)
                except HNCommentsError as exc:
                    assert session.pacer.in_flight == 0
                    return exc

        yield lambda answer: runner.run(one(answer))
        runner.run(servers.__aexit__(None, None, None))


def check(outcome: Any) -> None:
    """Fail if *outcome* is an error whose reason is not one short line."""
    if isinstance(outcome, Exception):
        assert 0 < len(str(outcome)) <= SHORT
        assert str(outcome).isprintable()
        assert "hunter2" not in str(outcome)


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
many = settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

statuses = st.one_of(
    st.integers(0, 999).map(lambda status: b"%d X" % status),
    st.binary(max_size=30),
    st.just(b"500 " + b"\0" * 25_000),
)
header = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda name, value: name + b": " + value,
        st.sampled_from(
            [
                b"Location",
                b"Retry-After",
                b"Content-Length",
                b"Transfer-Encoding",
                b"Content-Encoding",
                b"Content-Type",
                b"Set-Cookie",
                b"Connection",
            ]
        ),
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"chunked",
                    b"gzip",
                    b"deflate",
                    b"br",
                    b"upgrade",
                    b"text/html; charset=utf-7",
                    b"999999999999999999999",
                    b"-1",
                    b"Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
                    b"http://xn--/",
                    b"//",
                    b"http://[::1",
                    b"\\\\a\\b",
                    b"a=b; Domain=evil.example; Max-Age=99999999999999999999",
                ]
            ),
        ),
    ),
)
answers = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda status, headers, body: http(body, *headers, status=status),
        statuses,
        st.lists(header, max_size=4),
        st.binary(max_size=40),
    ),
)


@quick
@given(answers)
@example(http(b"", b"Retry-After: Wed, 21 Oct 99999999999999999999 07:28:00 GMT", status=b"429 X"))
@example(http(b"", b"Location: http://xn--/", status=b"302 X"))
@example(http(b"[" * 990 + b"]" * 990))
@example(http(b'{"id": ' + b"[" * 990 + b"]" * 990 + b"}"))
@example(http(b'{"id": 1, "kids": [' + b"[" * 980 + b"]" * 980 + b"]}"))
@example(http(b"", status=b"500 " + b"\0" * 25_000))
@example(http(b"1", b"Content-Length: 1000"))
@example(http(b"{}", b"Transfer-Encoding: chunked"))
def test_any_answer_is_a_value_or_one_short_error(
    fetch: Callable[[bytes], Any], raw: bytes
) -> None:
    """Status lines, headers, encodings, lengths that lie, redirects, cookies, noise."""
    # No refusals: the pacer asks again for a minute.
    outcome = None if b" 429 " in raw[:30] or b" 420 " in raw[:30] else fetch(raw)

    check(outcome)


@LONG
@many
@given(answers)
def test_many_answers(fetch: Callable[[bytes], Any], raw: bytes) -> None:
    """The same, for minutes."""
    check(None if b" 429 " in raw[:30] or b" 420 " in raw[:30] else fetch(raw))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([2**63, -1, 10**400, "\0", "\x1b[2J", "\ud800"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
items = st.one_of(
    values,
    st.fixed_dictionaries(
        {"id": st.one_of(st.just(1), values)},
        optional=dict.fromkeys(
            (
                "kids",
                "type",
                "time",
                "parent",
                "deleted",
                "dead",
                "by",
                "title",
                "text",
                "url",
                "score",
                "descendants",
            ),
            values,
        ),
    ),
)


def decoders() -> list[Callable[[bytes], Any]]:
    try:
        import orjson
    except ImportError:
        return [json.loads]
    return [json.loads, orjson.loads]


@pytest.mark.parametrize("decode", decoders())
@settings(max_examples=60, deadline=None)
@given(items, st.integers(0, 1100))
def test_any_json_is_an_item_or_malformed(
    decode: Callable[[bytes], Any], value: Any, depth: int
) -> None:
    """JSON of every wrong kind, nested as deep as decoders allow."""
    body = json.dumps(value).encode()
    for nested in (
        body,
        b"[" * depth + body + b"]" * depth,
        b'{"id": ' + b"[" * depth + body + b"]" * depth + b"}",
        b'{"id": 1, "kids": [' + b'{"a":' * depth + body + b"}" * depth + b"]}",
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hn_comments.api.items.decode", decode)
            try:
                parse_item("item/1.json", 1, parse_json("item/1.json", nested))
            except HNCommentsError as exc:
                check(exc)


def test_more_kids_than_any_item_has_are_malformed() -> None:
    """An answer cannot make a walk take any memory it likes."""
    kids = list(range(2, MAX_KIDS + 3))

    with pytest.raises(MalformedItem, match="more than 50000"):
        parse_item("item/1.json", 1, {"id": 1, "kids": kids})
    item = parse_item("item/1.json", 1, {"id": 1, "kids": kids[:-1]})

    assert item is not None
    assert len(item.kids) == MAX_KIDS


async def test_trickled_body_is_a_timeout() -> None:
    """A byte now and then does not keep a request alive."""
    async with raw_server() as (raw, address):
        raw.answer, raw.chunks, raw.pause = http(b" " * 1000), 1000, 20 * MS
        chosen = Settings(api_url=f"http://{address}", retries=0, fetch_timeout=200 * MS)
        async with Session(chosen) as session:
            with pytest.raises(FetchTimeout):
                await URLFetcher(session).fetch("x.json")


async def test_redirect_in_a_circle_says_so() -> None:
    """The error names the circle."""
    async with raw_server() as (raw, address):
        raw.answer = http(b"", b"Location: /x.json", status=b"301 X")
        async with Session(Settings(api_url=f"http://{address}")) as session:
            with pytest.raises(RedirectRefused, match="in a circle"):
                await URLFetcher(session).fetch("x.json")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("api", ["https://hn.invalid/v0", "http://hn.invalid/v0"])
@pytest.mark.parametrize(("status", "fetches"), [(407, 1), (502, 3)])
async def test_proxy_that_refuses_is_named_without_its_password(
    api: str, status: int, fetches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong user or password: asking again would not help."""
    async with raw_server() as (raw, address):
        raw.answer = http(b"", status=b"%d Denied" % status)
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:hunter2@{address}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with Session(Settings(api_url=api, retries=2)) as session:
            fetcher = URLFetcher(session)
            with pytest.raises(FetchError) as caught:
                await fetcher.fetch("x.json")

    assert fetcher.fetch_counter == fetches
    assert "hunter2" not in str(caught.value)
    # Only with a tunnel does a proxy's own answer differ from one that it passes on.
    if status == 407 or api.startswith("https"):
        assert isinstance(caught.value, ProxyFailed)
        assert f"the proxy {address} answers HTTP {status}" in str(caught.value)


async def test_proxy_that_is_not_there_is_called_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users would look for the fault at the API otherwise."""
    monkeypatch.setenv("https_proxy", "http://user:hunter2@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with Session(Settings(api_url="https://hn.invalid/v0", retries=0)) as session:
        with pytest.raises(ConnectionFailed, match=r"to the proxy 127\.0\.0\.1:1: ") as caught:
            await URLFetcher(session).fetch("x.json")

    assert "hunter2" not in str(caught.value)


async def test_https_asked_of_an_http_port_says_so() -> None:
    """The server answers in plain text, or waits for the end of a line."""
    async with raw_server() as (_, address):
        chosen = Settings(api_url=f"https://{address}", retries=0, fetch_timeout=200 * MS)
        async with Session(chosen) as session:
            with pytest.raises(FetchTimeout, match=r"no TLS \(is it an http://"):
                await URLFetcher(session).fetch("x.json")

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    other = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    async with Session(Settings(api_url=f"https://127.0.0.1:{port}", retries=0)) as session:
        with pytest.raises(ConnectionFailed, match=r"is it an http:// address"):
            await URLFetcher(session).fetch("x.json")
    other.close()


async def test_http_asked_of_an_https_port_says_so() -> None:
    """The answer is a TLS alert, or none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with raw_server(context) as (_, address):
        session = Session(Settings(api_url=f"http://{address}", retries=0))
        async with session:
            with pytest.raises(ConnectionFailed, match=r"is it an https:// address"):
                await URLFetcher(session).fetch("x.json")


async def test_certificates_of_the_environment_are_trusted(tmp_path: Path) -> None:
    """SSL_CERT_FILE: a company's own authority, or a test's."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    code = (
        "import asyncio, sys; from hn_comments import Session, Settings, URLFetcher\n"
        "async def main():\n"
        "    async with Session(Settings(api_url=sys.argv[1])) as session:\n"
        "        print(await URLFetcher(session).fetch('x.json'))\n"
        "asyncio.run(main())"
    )
    async with raw_server(context) as (raw, address):
        raw.answer = http(b"7")

        environment = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        done = await run(sys.executable, "-c", code, f"https://{address}", env=environment)

    assert done == (0, "7\n", "")


hosts = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"\A[a-z0-9.\-_%@:\[\]\\]{0,16}\Z"),
    st.sampled_from(["xn--", "a\\b", "a..b", "[::1]", "[::1", "ü.example", "a" * 64, "1.2.3.4.5"]),
)
urls = st.one_of(
    st.text(max_size=20),
    st.builds(
        lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
        st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
        hosts,
        st.sampled_from(["", ":0", ":80", ":99999", ":x", ":"]),
        st.one_of(st.just(""), st.just("/v0"), st.text(max_size=8).map(lambda text: f"/{text}")),
    ),
)


async def try_it(api_url: str) -> None:
    """Fetch from an address that was accepted, as the program would."""
    chosen = Settings(api_url=api_url, retries=0, fetch_timeout=50 * MS)
    async with Session(chosen) as session:
        with pytest.raises(FetchError) as caught:
            await URLFetcher(session).fetch("x.json")
        check(caught.value)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """End every request at a proxy that is not there, so that no test calls a stranger."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.usefixtures("nowhere")
@settings(quick, max_examples=150)
@given(urls)
@example("http://a\\b")
@example("http://xn--")
@example("http://ü.example/ä b")
@example("http://user:hunter2@host/")
def test_address_that_is_accepted_raises_nothing_later(text: str) -> None:
    """One that is not accepted is refused with a sentence, without a password."""
    try:
        accepted = Settings(api_url=text).api_url
    except ValueError as exc:
        check(exc)
        return

    asyncio.run(try_it(accepted))


@settings(quick, max_examples=150)
@given(urls)
@example("user:hunter2@[bad")
@example("socks5:user:hunter2@host")
@example("http://user:p@ss:hunter2@ho st")
def test_proxy_variable_is_used_or_refused(text: str) -> None:
    """It is refused with a sentence that shows no password."""
    if "\0" in text or text.encode(errors="replace").decode() != text:
        return  # not in any environment
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", text)
        patch.delenv("no_proxy", raising=False)
        try:
            proxy_for("https://hn.invalid/v0")
        except BadProxy as exc:
            check(exc)


def test_no_proxy_may_name_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """As curl and others read it."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example:8080")

    assert proxy_for("http://internal.example:8080/v0") is None
    assert proxy_for("http://internal.example/v0") is not None


async def test_session_outside_async_with_says_so() -> None:
    """The error is not about a missing attribute."""
    with pytest.raises(RuntimeError, match="async with"):
        await URLFetcher(Session()).fetch("x.json")
