"""The metrics, as Prometheus reads them: at the port, and in a file."""

import json
import os
import stat
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hn_comments import Settings, Traffic, Trouble, __version__
from hn_comments.events import NoticeTaken, PollBegan
from hn_comments.service.metrics import Metrics
from hn_comments.simulator import Simulator

from .reports import partial, post, report
from .serving import LONG, SHORT, started, watching
from .support import MS, eventually, front_page


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such directories")

# Each value, by its name and labels.
Samples = dict[tuple[str, ...], float]


def parse(text: str) -> Samples:
    """Return what Prometheus' own parser reads, labels in their order; each must be explained."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


def measure(metrics: Metrics) -> Samples:
    return parse(generate_latest(metrics.registry).decode())


async def test_metrics_add_up_to_the_polls() -> None:
    """Scraped from the port, beside the JSON of the same polls."""
    world = front_page(7, 3)
    arguments = ("--retries", "0", "--format", "json", *SHORT)
    async with watching(world, *arguments, stdout=PIPE) as (simulator, service):
        await service.until_polled(1)
        simulator.fail("topstories", "500", times=1)
        world.add_comment(world.top[0])
        await service.until_polled(5)
        status, text = await service.get("/metrics")
        await service.end()
        assert service.process.stdout is not None
        printed = [json.loads(line) async for line in service.process.stdout]

    found = parse(text)
    number = int(found["hn_comments_poll_duration_seconds_count",])
    polls = [line for line in printed if line["type"] == "poll"][:number]
    assert status == 200
    assert found["hn_comments_polls_total", "failed"] == 1
    assert found["hn_comments_polls_total", "exact"] == number - 1
    assert found["hn_comments_polls_total", "partial"] == 0
    assert found["hn_comments_fetches_total",] == sum(poll["fetches"] for poll in polls)
    assert found["hn_comments_stories",] == 2
    assert found["hn_comments_comments",] == 11
    assert found["hn_comments_new_comments_total",] == 1
    assert found["hn_comments_period_seconds",] == 200 * MS
    assert found["hn_comments_build_info", sys.version.split()[0], __version__] == 1
    assert found["process_resident_memory_bytes",] > 1e6
    assert str(world.top[0]) not in text
    assert "_created" not in text


def test_what_polls_found_is_counted() -> None:
    """New comments since the poll before, whatever was told; a story's first count is not new."""
    metrics = Metrics(Settings(), lambda: Traffic(in_flight=4, rate=2.5))
    assert measure(metrics)["hn_comments_last_exact_poll_timestamp_seconds",] == 0

    metrics.publish(report(post(1, 10, new=None), post(2, 5, new=3), fetches=20, drift=2))
    metrics.publish(report(post(1, 14, new=9), post(2, 4), post(3, 7, new=None), retries=6))
    metrics.publish(report(partial(1, 20), refused=8, seconds=400.0))
    exact = measure(metrics)["hn_comments_last_exact_poll_timestamp_seconds",]
    metrics.publish(report(post(1, None)))

    found = measure(metrics)
    assert found["hn_comments_new_comments_total",] == 3 + 4
    assert found["hn_comments_drift_comments_total",] == 2
    assert found["hn_comments_retries_total",] == 6
    assert found["hn_comments_refusals_total",] == 8
    assert (found["hn_comments_stories",], found["hn_comments_comments",]) == (1, 20)
    assert found["hn_comments_poll_duration_seconds_bucket", "0.25"] == 3
    assert found["hn_comments_poll_duration_seconds_bucket", "300.0"] == 3
    assert found["hn_comments_requests_in_flight",] == 4
    assert found["hn_comments_allowed_requests_per_second",] == 2.5
    assert found["hn_comments_last_exact_poll_timestamp_seconds",] == exact > 1e9
    assert found["hn_comments_last_poll_timestamp_seconds",] >= exact


def test_metrics_of_the_program_around_us_stay_as_they_are() -> None:
    """Ours do not say when each of them was made; those of others may."""
    metrics = Metrics(Settings(), lambda: None)
    theirs = CollectorRegistry()
    Counter("jobs", "Jobs of somebody else", registry=theirs)

    assert "_created" not in generate_latest(metrics.registry).decode()
    assert "jobs_created" in generate_latest(theirs).decode()


def test_period_is_the_distance_that_is_in_force() -> None:
    """The socket has polls come seldom; the last poll of a run says nothing of another one."""
    metrics = Metrics(Settings(period=5), lambda: None)
    found = [measure(metrics)["hn_comments_period_seconds",]]

    for wait in (60.0, None, 5.0):
        metrics.tell(PollBegan(poll=1, list="top", posts=5, wait=wait))
        found.append(measure(metrics)["hn_comments_period_seconds",])

    assert found == [5, 60, 60, 5]


def test_notices_are_counted_by_receiver_and_outcome() -> None:
    """Each try that failed is one, though it is said only once."""
    metrics = Metrics(Settings(), lambda: None)
    failed = Trouble(kind="receiver", reason="HTTP 500", subject="json://a.example/...")

    for event in (failed, failed, Trouble(kind="receiver", reason="", subject="x", over=True)):
        metrics.tell(event)
    metrics.tell(NoticeTaken(receiver="ntfy://ntfy.sh/..."))

    found = {name: value for name, value in measure(metrics).items() if "notices" in name[0]}
    assert found == {
        ("hn_comments_notices_total", "failed", "json://a.example/..."): 2,
        ("hn_comments_notices_total", "taken", "ntfy://ntfy.sh/..."): 1,
    }


async def test_taken_notices_are_heard_of() -> None:
    """The engine tells them; a password in the address is not shown."""
    arguments = ("--threshold", "5", "--notify-command", "cat", *LONG)
    async with watching(front_page(9), *arguments) as (_, service):
        text = ""
        while "hn_comments_notices_total{" not in text:
            _, text = await service.get("/metrics")

    assert parse(text)["hn_comments_notices_total", "taken", "cat"] == 1


# The file.


async def test_metrics_file_is_written_by_cron_too(tmp_path: Path) -> None:
    """Whole, readable by others, and with nothing beside it."""
    file = tmp_path / "hn.prom"
    async with Simulator(front_page(4)) as simulator:
        arguments = ("--api-url", simulator.url, "--once", "-q", "--metrics-file", str(file))
        async with started(*arguments, wait=False) as service:
            code = await service.process.wait()

    found = parse(file.read_text(encoding="utf-8"))
    assert (code, service.lines) == (0, [])
    assert found["hn_comments_comments",] == 4
    assert ("hn_comments_period_seconds",) not in found
    assert all(name.startswith("hn_comments_") for name, *_ in found)
    assert os.listdir(tmp_path) == ["hn.prom"]  # noqa: PTH208
    assert not file.stat().st_mode & stat.S_IXUSR


@posix_only
async def test_metrics_file_that_cannot_be_written_is_a_mistake_at_first(tmp_path: Path) -> None:
    """Before anything is polled."""
    async with Simulator(front_page(4)) as simulator:
        for file, problem in (
            (tmp_path, "it is a directory"),
            (tmp_path / "no" / "hn.prom", "No such file or directory"),
            (Path("/proc/hn.prom"), "No such file or directory"),
        ):
            arguments = ("--api-url", simulator.url, "--metrics-file", str(file))
            async with started(*arguments, wait=False) as service:
                code = await service.process.wait()

            assert code == 2
            (line,) = service.lines
            assert line.endswith(f"] argument --metrics-file: cannot write '{file}': {problem}")

    assert not simulator.requests


async def test_metrics_file_that_cannot_be_written_later_is_said_once(tmp_path: Path) -> None:
    """And its recovery; polls go on."""
    place = tmp_path / "there"
    place.mkdir()
    file = place / "hn.prom"
    async with watching(front_page(4), *SHORT, "--metrics-file", str(file)) as (_, service):
        await eventually(file.exists)
        place.rename(tmp_path / "elsewhere")
        await service.until_polled((await service.read())["poll"]["poll"] + 3)
        (tmp_path / "elsewhere").rename(place)
        before = file.stat().st_mtime_ns
        await eventually(lambda: file.stat().st_mtime_ns != before)
        await eventually(lambda: any("written again" in line for line in service.lines))
        assert await service.end() == 143

    # A busy machine has more to say, of ticks that were skipped.
    assert [line.partition("] ")[2] for line in service.lines if str(file) in line] == [
        f"Cannot write {file}: No such file or directory (it is tried again)",
        f"{file} can be written again",
    ]


@pytest.mark.parametrize("other", ["--history", "--output"])
async def test_metrics_file_is_no_other_file(other: str, tmp_path: Path) -> None:
    """It would be replaced."""
    (tmp_path / "link").symlink_to("x")
    arguments = ("--metrics-file", "link", other, "x")
    async with started(*arguments, wait=False, cwd=tmp_path) as service:
        code = await service.process.wait()

    assert code == 2
    assert f"argument --metrics-file: is a file that {other} writes" in service.lines[0]
