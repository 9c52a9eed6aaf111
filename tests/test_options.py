"""Every option, every mistake."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from hn_comments import Settings
from hn_comments.options import build_parser, duration, parse_settings

from .support import COMMAND


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HN_COMMENTS_API_URL", raising=False)


def test_defaults_are_those_of_the_settings() -> None:
    """Nothing asked for is the documented default."""
    assert parse_settings([]) == Settings()


def test_every_option_arrives() -> None:
    """All of them, each with a value that is not its default."""
    line = (
        "--stories best --limit 7 --period 1m --polls 4 --max-running 3 --poll-timeout 9"
        " --api-url http://127.0.0.1:8123/v0/ --connections 10 --fetch-timeout 2.5 --retries 1"
        " --max-fetches 99 --full-walk --on-error cancel"
        " --max-errors 0 --format csv --changes-only -v"
    )

    settings = parse_settings(shlex.split(line))

    assert settings == Settings(
        stories="best",
        limit=7,
        period=60,
        polls=4,
        max_running=3,
        poll_timeout=9,
        api_url="http://127.0.0.1:8123/v0",
        connections=10,
        fetch_timeout=2.5,
        retries=1,
        max_fetches=99,
        full_walk=True,
        on_error="cancel",
        max_errors=0,
        format="csv",
        changes_only=True,
        verbose=True,
    )


def test_once_demo_and_quiet() -> None:
    """The remaining ones; --once is one poll."""
    assert parse_settings(["--once", "--demo", "-q", "--refresh", "1h"]) == Settings(
        polls=1, demo=True, quiet=True, refresh=3600
    )


@pytest.mark.parametrize(
    "post",
    [
        "8863",
        "https://news.ycombinator.com/item?id=8863",
        "http://news.ycombinator.com/item?p=2&id=8863#9224",
        "https://news.ycombinator.com/item?id=8863&p=2",
    ],
)
def test_posts(post: str) -> None:
    """An id or an item's URL; the same one twice is once."""
    assert parse_settings([post, "8863"]).posts == (8863,)


def test_posts_and_options_mix() -> None:
    """In any order."""
    settings = parse_settings(["1", "--once", "2", "-q", "3"])

    assert (settings.posts, settings.polls, settings.list_name) == ((1, 2, 3), 1, "posts")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0.5", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600), ("1.5h", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    """Seconds, or a unit."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        *(
            (f"--period {bad}", f"'{bad}' is not a duration")
            for bad in ("0", "0s", "5x", "-1", "1e3", "inf", "nan", "5 m", "9999h", ".5", "٣")
        ),
        ("--limit 0", "'0' is not a whole number from 1 to 500"),
        ("--limit 501", "'501'"),
        ("--limit 1.5", "'1.5'"),
        ("--polls 0", "--polls"),
        ("--max-running 0", "--max-running"),
        ("--connections 0", "--connections"),
        ("--retries 21", "--retries"),
        ("--max-errors -1", "--max-errors"),
        ("--max-fetches 0", "--max-fetches"),
        ("--stories foo", "'foo'"),
        ("--format xml", "'xml'"),
        ("--on-error ignore", "'ignore'"),
        ("--api-url example.com", "'example.com'"),
        ("--api-url ftp://example.com", "--api-url"),
        ("--api-url http://", "--api-url"),
        ("--api-url http://[bad", "--api-url"),
        ("--api-url http://a:99999", "--api-url"),
        ("--api-url http://a/v0?x=1", "--api-url"),
        ("--api-url http://user@a/v0", "--api-url"),
        ("0", "'0' is neither an item id nor"),
        ("abc", "'abc'"),
        ("https://example.com/item?id=1", "'https://example.com/item?id=1'"),
        ("https://news.ycombinator.com/user?id=pg", "POST"),
        ("--once --polls 2", "--polls: not allowed with --once"),
        ("-q -v", "--verbose: not allowed with --quiet"),
        ("--demo --api-url http://a", "--api-url: not allowed with --demo"),
        ("1 --limit 5", "--limit: not allowed with POST"),
        ("1 --stories new", "--stories: not allowed with POST"),
        ("--full-walk --refresh 5m", "--refresh: not allowed with --full-walk"),
        ("--nonsense", "--nonsense"),
        ("--lim 5", "--lim"),
        ("--period", "--period"),
        ("@missing", "missing"),
    ],
)
def test_mistakes(arguments: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one sentence, which names the input."""
    with pytest.raises(SystemExit) as caught:
        parse_settings(arguments.split(" ", 1) if "5 m" in arguments else arguments.split())

    stderr = capsys.readouterr().err
    assert caught.value.code == 2
    assert stderr.startswith("hn-comments: error: ")
    assert stderr.count("\n") == 1
    assert named in stderr


def test_arguments_from_a_file(tmp_path: Path) -> None:
    """Several on a line, quotes and comments, as in a shell."""
    file = tmp_path / "arguments"
    file.write_text("--limit 3  # a few\n\n--stories 'new'\n", encoding="utf-8")

    assert parse_settings([f"@{file}", "-q"]) == Settings(limit=3, stories="new", quiet=True)


@pytest.mark.parametrize(
    ("text", "named"), [("--limit 'x", "in an @FILE"), ("@{file}", "includes itself")]
)
def test_mistakes_in_a_file(
    text: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also only a sentence."""
    file = tmp_path / "arguments"
    file.write_text(text.format(file=file), encoding="utf-8")

    with pytest.raises(SystemExit) as caught:
        parse_settings([f"@{file}"])

    assert caught.value.code == 2
    assert named in capsys.readouterr().err


def test_api_url_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option wins; a bad value is named with its variable; the demo needs none."""
    monkeypatch.setenv("HN_COMMENTS_API_URL", "http://127.0.0.1:1/v0/")
    assert parse_settings([]).api_url == "http://127.0.0.1:1/v0"
    assert parse_settings(["--api-url", "http://127.0.0.1:2"]).api_url == "http://127.0.0.1:2"

    monkeypatch.setenv("HN_COMMENTS_API_URL", "nonsense")
    assert parse_settings(["--demo"]) == Settings(demo=True)
    with pytest.raises(SystemExit):
        parse_settings([])
    assert "HN_COMMENTS_API_URL: 'nonsense'" in capsys.readouterr().err


def test_help_and_version() -> None:
    """Both answer on stdout with exit code 0."""
    for option, expected in (("--help", build_parser().format_help()), ("--version", "0.1.0")):
        environment = {**os.environ, "COLUMNS": os.environ.get("COLUMNS", "80")}
        output = subprocess.run(
            [*COMMAND, option], capture_output=True, text=True, check=True, env=environment
        )

        assert expected.split("\n")[0] in output.stdout
        assert not output.stderr
