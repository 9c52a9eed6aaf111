"""Every option, every mistake."""

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from hn_comments import Settings, __version__
from hn_comments.command.arguments import split
from hn_comments.command.options import build_parser, parse_settings
from hn_comments.durations import read_duration
from hn_comments.kinds import ADDRESS, DURATION
from hn_comments.settings import OPTIONS

from .support import COMMAND, run


BASH = shutil.which("bash") or ""


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
        " --output out.csv --history hn.db"
        " --api-url http://127.0.0.1:8123/v0/ --connections 10 --fetch-timeout 2.5 --retries 1"
        " --source socket"
        " --max-fetches 99 --full-walk --on-error cancel"
        " --max-errors 0 --format csv --changes-only -v"
        " --keep 90d --serve [::1]:8000 --metrics-file hn.prom"
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
        source="socket",
        connections=10,
        fetch_timeout=2.5,
        retries=1,
        max_fetches=99,
        output="out.csv",
        history="hn.db",
        full_walk=True,
        on_error="cancel",
        max_errors=0,
        format="csv",
        changes_only=True,
        verbose=True,
        keep=90 * 86400,
        serve="[::1]:8000",
        metrics_file="hn.prom",
    )


def test_the_remaining_options() -> None:
    """Those that contradict one of the above; --once is one poll."""
    line = "--once -q --refresh 1h --follow 2h --comments --history hn.db"

    assert parse_settings(line.split()) == Settings(
        polls=1,
        quiet=True,
        refresh=3600,
        follow=7200,
        comments=True,
        history="hn.db",
    )


def test_every_setting_is_an_option() -> None:
    """By its name, with what it does; those of the command line alone are few."""
    parser = build_parser()
    named = {action.dest for action in parser._actions}
    text = " ".join(parser.format_help().split())

    assert named - OPTIONS.keys() == {"help", "version", "print_completion"}
    assert named >= OPTIONS.keys()
    for option in OPTIONS.values():
        assert option.does in text


# Defaults that are no values.
UNUSUAL = {"go on for ever)", "not at all)", "3 until one has succeeded)"}


def test_defaults_in_the_help_are_real() -> None:
    """Also those of durations, which it says in the largest unit."""
    helps = {action.dest: str(action.help) for action in build_parser()._actions}

    for name, option in OPTIONS.items():
        default = helps[name].partition(" (default: ")[2]
        if option.default:
            read = read_duration if option.kind is DURATION else str
            assert read(default.removesuffix(")")) == read(str(option.default)), name
        else:
            assert default in {"", *UNUSUAL}, name


def test_live_needs_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that can move its cursor."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert parse_settings(["--live"]) == Settings(live=True)

    for terminal, is_one in (("dumb", True), ("xterm", False)):
        monkeypatch.setenv("TERM", terminal)
        monkeypatch.setattr("sys.stdout.isatty", lambda is_one=is_one: is_one)
        with pytest.raises(SystemExit):
            parse_settings(["--live"])
        assert "--live: needs a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    "post",
    [
        "8863",
        "https://news.ycombinator.com/item?id=8863",
        "http://news.ycombinator.com/item?p=2&id=8863#9224",
        "https://news.ycombinator.com/item?id=8863&p=2",
        "news.ycombinator.com/item?id=8863",
        "//www.news.ycombinator.com/item/?id=8863",
        "HTTPS://News.YCombinator.com:443/item?id=8863",
        "https://news.ycombinator.com/reply?id=8863&goto=item%3Fid%3D8863%239224",
        "https://news.ycombinator.com/context?id=8863",
        "/latest?id=8863",
        "item?id=8863",
        " 8863\n",
    ],
)
def test_posts(post: str) -> None:
    """An id or an item's URL; the same one twice is once."""
    assert parse_settings([post, "8863"]).posts == (8863,)


def test_old_posts() -> None:
    """What is no limit is a post; where the API is another one, so is any id."""
    assert parse_settings(["501"]).posts == (501,)
    assert parse_settings(["5", "--api-url", "http://127.0.0.1:1"]).posts == (5,)


def test_posts_and_options_mix() -> None:
    """In any order."""
    settings = parse_settings(["1", "--once", "2", "-q", "3"])

    assert (settings.posts, settings.polls, settings.list_name) == ((1, 2, 3), 1, "posts")


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("jobs", "job"), ("ASK", "ask"), ("Show", "show"), ("beststories", "best")],
)
def test_stories_as_people_write_them(text: str, chosen: str) -> None:
    """In any case, singular or plural."""
    assert parse_settings(["--stories", text]).stories == chosen


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        *(
            (f"--period {bad}", f"'{bad}' is not a duration")
            for bad in ("5x", "1e3", "inf", "nan", "5  m", ".5", "٣", "m", "1h30m")
        ),
        ("--period 0", "argument --period: must be more than 0, not 0"),
        ("--period -1", "argument --period: must be more than 0, not -1"),
        ("--period 9999h", "--period: must be a year at most"),
        ("--limit 0", "argument --limit: must be a whole number from 1 to 500, not 0"),
        ("--limit 501", "501"),
        ("--limit 1.5", "'1.5' is not a whole number"),
        ("--polls 0", "--polls"),
        ("--max-running 0", "--max-running"),
        ("--connections 0", "--connections"),
        ("--retries 21", "--retries"),
        ("--max-errors -1", "--max-errors"),
        ("--max-fetches 0", "--max-fetches"),
        ("--follow -1", "--follow"),
        ("--stories bst", "'bst' is not one of top, new, best, ask, show, job: did you mean best?"),
        ("--format xml", "'xml'"),
        ("--on-error ignore", "'ignore'"),
        ("--output", "--output"),
        ("--output -", "--output"),
        ("--api-url example.com", "'example.com'"),
        ("--api-url ftp://example.com", "--api-url"),
        ("--api-url http://", "--api-url"),
        ("--api-url http://[bad", "--api-url"),
        ("--api-url http://a:99999", "--api-url"),
        ("--api-url http://a/v0?x=1", "--api-url"),
        ("--api-url http://user@a/v0", "--api-url"),
        ("--api-url http://xn--", "--api-url"),
        ("--api-url http://a\\b", "--api-url"),
        ("--api-url http://a:0", "--api-url"),
        ("--api-url http://a:65536", "--api-url"),
        ("--api-url http://a..b", "--api-url"),
        ("0", "'0' is neither an item id nor"),
        ("abc", "'abc'"),
        ("once", "did you mean --once?"),
        ("show", "did you mean --stories show?"),
        ("5", "5 looks like a limit: did you mean --limit 5?"),
        ("500", "500 looks like a limit"),
        ("https://example.com/item?id=1", "'https://example.com/item?id=1'"),
        ("https://news.ycombinator.com/user?id=pg", "POST"),
        ("https://news.ycombinator.com/item?id=1&id=2", "POST"),
        ("https://[news.ycombinator.com/item?id=1", "POST"),
        ("--once --polls 2", "--polls: not allowed with argument --once"),
        ("-q -v", "--verbose: is not allowed with --quiet"),
        ("--demo --api-url http://a", "--api-url: is not allowed with --demo"),
        ("1 --limit 5", "--limit: is not allowed with POST"),
        ("1 --stories new", "--stories: is not allowed with POST"),
        ("1 --follow 1h", "--follow: is not allowed with POST"),
        ("--full-walk --refresh 24h", "--refresh: is not allowed with --full-walk"),
        ("--full-walk --follow 1h", "--follow: is not allowed with --full-walk"),
        ("--full-walk --comments", "--comments: is not allowed with --full-walk"),
        ("--once --refresh 24h", "--refresh: has no effect in a single poll without --history"),
        ("--polls 1 --changes-only", "--changes-only: has no effect in a single poll"),
        ("--once --comments", "--comments: has no effect"),
        ("--notify json://a", "--notify: has no effect without --threshold or --comments"),
        ("--notify-command cat", "--notify-command: has no effect without --threshold or --c"),
        ("--once --follow 1h", "--follow: has no effect"),
        ("--comments --format csv", "--comments: is not allowed with --format csv"),
        ("--live --format json", "--live: is not allowed with --format json"),
        ("--live --output x", "--output: is not allowed with --live"),
        ("--live --quiet", "--quiet: is not allowed with --live"),
        ("--live --changes-only", "--changes-only: is not allowed with --live"),
        ("--output x --history x", "--output: is a file that --history writes"),
        ("--nonsense", "unknown option --nonsense (see"),
        ("--perid 5m", "unknown option --perid: did you mean --period?"),
        ("-limit 5", "did you mean --limit?"),
        ("--lim 5", "did you mean --limit?"),
        ("--once=5", "argument --once: takes no value, not '5'"),
        ("--period", "--period"),
        ("@missing", "cannot read @missing: No such file or directory"),
        ("@/", "cannot read @/"),
    ],
)
def test_mistakes(arguments: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one sentence, which names the input."""
    with pytest.raises(SystemExit) as caught:
        parse_settings(arguments.split(" ", 1) if "5  m" in arguments else arguments.split())

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
    ("line", "words"),
    [
        ("--notify slack://a/b/#channel --once", ["--notify", "slack://a/b/#channel", "--once"]),
        ("a#b #c d", ["a#b"]),
        ("  # a", []),
        ("a  #", ["a"]),
        ("'#a' \"# b\" c", ["#a", "# b", "c"]),
        (r"\#a b\ #c", ["#a", "b #c"]),
        ("''#a \t b", ["#a", "b"]),
        ("# it's", []),
        ("", []),
    ],
)
def test_comment_begins_where_a_word_begins(line: str, words: list[str]) -> None:
    """As in a shell; elsewhere a # is a character like any other."""
    assert [*split(line)] == words


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"\n--limit 'x", "line 2: no closing quotation"),
        (b"@{file}", "line 1: @{file} includes itself"),
        (b"-q\n\xff", "line 2: not UTF-8"),
        (b"-q\n@/dev/zero", "line 2: @/dev/zero is larger than"),
        (b"-q\n@{file}.not", "line 2: cannot read @{file}.not: No such file"),
        (b"@a\0b", "line 1: cannot read @a"),
        (b"-q\n\n --limit=0", "line 3: argument --limit: must be"),
        (b"-q\n--perid 5m", "line 2: unknown option --perid"),
        (b"-q\nfoo", "line 2: argument POST: 'foo'"),
    ],
)
def test_mistakes_in_a_file(
    text: bytes, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also only a sentence, which names the line."""
    file = tmp_path / "arguments"
    file.write_bytes(text.replace(b"{file}", bytes(file)))

    with pytest.raises(SystemExit) as caught:
        parse_settings([f"@{file}"])

    stderr = capsys.readouterr().err
    assert caught.value.code == 2
    assert f"{file}, {named.format(file=file)}" in stderr
    assert stderr.count("\n") == 1


def test_password_in_an_unclosed_quotation_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file and the line are enough to find it."""
    file = tmp_path / "arguments"
    file.write_text("--once\n--notify 'json://me:sekrit42@h/ok\n", encoding="utf-8")

    with pytest.raises(SystemExit):
        parse_settings([f"@{file}"])

    problem = f"{file}, line 2: no closing quotation"
    assert capsys.readouterr().err == f"hn-comments: error: {problem} (see --help)\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--notify", "json://a.example", "json://me:sekrit@h"),
        ("slack://sekrit/token/#channel",),
        ("https://me:sekrit@example.com/" + 60 * "x",),
        ("--notify-test=json://me:sekrit@h",),
        ("--once=json://h/sekrit",),
        ("--period", "json://me:sekrit@h"),
        ("--notify-command", "sekrit\0"),
        ("--notify", "me:sekrit@h"),
        ("--heartbeat", "me:sekrit@h"),
        ("--notfy=json://me:sekrit@h",),
    ],
)
def test_no_mistake_shows_a_password(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """An address for notices that stands in the wrong place, or is wrong itself."""
    with pytest.raises(SystemExit):
        parse_settings(words)

    assert "sekrit" not in capsys.readouterr().err


def test_what_overrides_a_file_is_not_blamed_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option after @FILE is the command line's."""
    file = tmp_path / "arguments"
    file.write_text("--limit 5", encoding="utf-8")

    with pytest.raises(SystemExit):
        parse_settings([f"@{file}", "--limit=0"])

    assert "error: argument --limit: must be" in capsys.readouterr().err


def test_a_file_as_windows_writes_it(tmp_path: Path) -> None:
    """With a mark at its beginning, and its own ends of lines."""
    file = tmp_path / "arguments"
    file.write_bytes("\ufeff--limit 3\r\n--output 'a\u2028b'\r\n".encode())

    assert parse_settings([f"@{file}"]) == Settings(limit=3, output="a\u2028b")


def test_a_file_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is read where it is named; a mistake in it is its own."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    outer.write_text(f"-q\n@{inner} --once", encoding="utf-8")
    inner.write_text("--limit 3", encoding="utf-8")
    assert parse_settings([f"@{outer}"]) == Settings(limit=3, quiet=True, polls=1)

    inner.write_text("\n--polls 3", encoding="utf-8")
    with pytest.raises(SystemExit):
        parse_settings([f"@{outer}"])
    assert f"error: {outer}, line 2: argument --once: not allowed" in capsys.readouterr().err


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with a history, and other names for its files."""
    if sys.platform == "win32":
        pytest.skip("not everybody may make links there")
    monkeypatch.chdir(tmp_path)
    for name in ("c.db", "c.db-shm"):
        (tmp_path / name).write_bytes(b"something")
    (tmp_path / "hard.csv").hardlink_to("c.db")
    (tmp_path / "hard-shm.csv").hardlink_to("c.db-shm")
    (tmp_path / "soft.csv").symlink_to("c.db")
    (tmp_path / "soft-wal.csv").symlink_to("c.db-wal")
    (tmp_path / "round.csv").symlink_to("round.csv")
    return tmp_path


@pytest.mark.parametrize(
    "output",
    [
        *("c.db", "./c.db", "../{name}/c.db", "{path}/c.db", "soft.csv", "hard.csv"),
        *("c.db-wal", "c.db-shm", "./c.db-journal", "soft-wal.csv", "hard-shm.csv"),
    ],
)
@pytest.mark.parametrize("history", ["c.db", "./soft.csv"])
def test_results_never_go_into_the_history(
    output: str, history: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its files are called; nothing is written before that is clear."""
    before = describe(files)
    output = output.format(name=files.name, path=files)

    with pytest.raises(SystemExit) as caught:
        parse_settings(["--history", history, "--output", output])

    assert caught.value.code == 2
    assert "argument --output: is a file that --history writes" in capsys.readouterr().err
    assert describe(files) == before


def describe(directory: Path) -> dict[str, tuple[int, ...]]:
    """Return what writing to files, or replacing them, changes; looking through links does not."""
    found = {file.name: file.lstat() for file in directory.iterdir()}
    return {
        name: (file.st_ino, file.st_mode, file.st_nlink, file.st_size, file.st_mtime_ns)
        for name, file in found.items()
    }


@pytest.mark.parametrize("output", ["c.csv", "c.db.csv", "c.db-wa", "new/c.db", "round.csv"])
def test_results_go_beside_the_history(output: str, files: Path) -> None:
    """What is only called alike is another file; opening it says what else is wrong."""
    assert files.joinpath("c.db").exists()
    assert parse_settings(["--history", "c.db", "--output", output]).output == output


def test_a_history_that_is_not_there_yet_is_no_output(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two names for what will be one file."""
    files.joinpath("there").symlink_to("new.db")

    with pytest.raises(SystemExit):
        parse_settings(["--history", "there", "--output", "new.db-journal"])

    assert "is a file that --history writes" in capsys.readouterr().err


async def test_standard_output_is_no_history_either(files: Path) -> None:
    """As in `hn-comments --history c.db >> c.db`."""
    arguments = ["--history", "c.db", "--once", "--api-url", "http://127.0.0.1:9"]
    with (files / "c.db").open("ab") as stdout:
        code, _, stderr = await run(*COMMAND, *arguments, stdout=stdout)

    assert code == 2
    assert "standard output: is a file that --history writes" in stderr
    assert (files / "c.db").read_bytes() == b"something"


# Whatever a user or an attacker may write instead of an address.
ODD = st.lists(
    st.sampled_from([*'abx-_:/.@[]%\\~ 019?#é٣。\x00\t\n;&=+!$,|^`{}<>"Z', "xn--", "::1", "//"])
)


@given(start=st.sampled_from(["", "http://", "HTTPS://a", "http://[::1]", "http:/"]), rest=ODD)
def test_an_accepted_address_can_be_asked(start: str, rest: list[str]) -> None:
    """By the client, which never complains later; any other is one sentence."""
    text = start + "".join(rest)
    problem = ADDRESS.problem(text)
    if problem is None:
        url = URL(f"{text}/item/1.json", encoded=True)
        assert url.host
        assert url.raw_host
        assert url.host_subcomponent
    else:
        assert problem.isprintable()
        assert len(problem) < 200


@pytest.mark.parametrize(
    "url",
    ["http://me:secret@a", "me:secret@a", "//me:secret@a", "http://me:secret@b@a", "secret@é\0"],
)
def test_a_password_is_never_shown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even that of an address that cannot be used anyway."""
    with pytest.raises(SystemExit):
        parse_settings(["--api-url", url])

    stderr = capsys.readouterr().err
    assert "must not contain a user or a password" in stderr
    assert "secret" not in stderr


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
    assert "variable HN_COMMENTS_API_URL: must be an http(s) address" in capsys.readouterr().err


def test_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides those of the options; a run that has nothing to tell is none the worse for them."""
    monkeypatch.setenv("HN_COMMENTS_NOTIFY", "json://a json://b")

    assert parse_settings(["--threshold", "9"]).notify == ("json://a", "json://b")
    named = parse_settings(["--notify", "json://c", "--notify-test"])
    assert named.notify == ("json://c", "json://a", "json://b")
    assert parse_settings(["--once"]) == Settings(polls=1)


async def test_help_and_version() -> None:
    """Both answer on stdout with exit code 0."""
    for option, expected in (("--help", build_parser().format_help()), ("--version", __version__)):
        environment = {**os.environ, "COLUMNS": os.environ.get("COLUMNS", "80")}
        code, stdout, stderr = await run(*COMMAND, option, env=environment)

        assert expected.split("\n")[0] in stdout
        assert (code, stderr) == (0, "")


def completion(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what --print-completion prints."""
    with pytest.raises(SystemExit) as caught:
        parse_settings(["--print-completion", shell])

    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option, and what it can be; nothing of what argparse keeps while it parses."""
    script = completion(shell, capsys)

    for action in build_parser()._actions:
        for name in action.option_strings:
            assert name.lstrip("-") in script
    assert "cancel" in script
    assert argparse.SUPPRESS not in script


@pytest.mark.skipif(not BASH, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["--per"], "--period"),
        (["8863", "--per"], "--period"),
        (["8863", "8864", "-q", "--form"], "--format"),
        (["https://news.ycombinator.com/item?id=8863&p=2", "--per"], "--period"),
        (["8863", "--format", "j"], "json"),
        (["--limit", "5", "8863", "--history", "c.d"], "c.db"),
        (["8863", ""], ""),
    ],
)
async def test_bash_completes(
    words: list[str], completed: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also once a post was typed, and without a word of complaint."""
    files.joinpath("c.db-shm").unlink()
    ask = (
        f"COMP_WORDS=({shlex.join(['hn-comments', *words])}); COMP_CWORD={len(words)}\n"
        '_shtab_hn_comments; echo "${COMPREPLY[*]}"\n'
    )

    script = completion("bash", capsys) + ask
    outcome = await run(BASH, "--norc", "--noprofile", "-c", script)

    assert outcome == (0, f"{completed}\n", "")


@pytest.mark.parametrize(
    ("note", "command"),
    [
        ("pipx_metadata.json", "pipx inject {place.name} shtab"),
        ("uv-receipt.toml", "uv pip install --python {python} shtab"),
        ("pyvenv.cfg", "{python} -m pip install shtab"),
    ],
)
def test_completion_says_what_it_needs(
    note: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the environment where it runs, whoever made that."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    (tmp_path / note).touch()

    with pytest.raises(SystemExit) as caught:
        parse_settings(["--print-completion", "bash"])

    assert caught.value.code == 2
    expected = command.format(place=tmp_path, python=sys.executable)
    assert f"--print-completion: needs shtab: {expected} (see" in capsys.readouterr().err
