"""
What Prometheus asks for: how polls go, and what they find.

The registry is our own: a program that has this package in it may have metrics, too. No series is
named after a story, since there would be more of them each day.
"""

import platform
import time
from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .. import __version__
from ..events import Event, NoticeTaken, PollBegan, Trouble
from ..models import PollReport, Traffic
from ..settings import Settings
from .listener import Listener


# What each name begins with.
PREFIX = "hn_comments"

# Upper bounds in seconds: a quiet poll takes hundredths, the first one of 500 stories minutes.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

# Stories whose last count is kept, to see what is new.
MAX_STORIES = 5000


class Metrics(Listener):
    """
    The metrics, in a *registry*; *traffic* tells which requests are under way.
    """

    def __init__(self, settings: Settings, traffic: Callable[[], Traffic | None]) -> None:
        self.registry = registry = Registry()
        counter = partial(Counter, namespace=PREFIX, registry=registry)
        gauge = partial(Gauge, namespace=PREFIX, registry=registry)

        self.polls = counter("polls", "Polls that ended, by their result", ["status"])
        self.fetches = counter("fetches", "Requests sent to the API, repeated ones too")
        self.retries = counter("retries", "Requests sent again after a failure")
        self.refusals = counter("refusals", "Requests that the API refused: too many at once")
        self.new = counter("new_comments", "Comments that came since the poll before")
        self.drift = counter("drift_comments", "Comments that were not as remembered")
        self.notices = counter("notices", "Notices told or not", ["receiver", "outcome"])
        self.seconds = Histogram(
            "poll_duration_seconds", "How long polls took", namespace=PREFIX, buckets=BUCKETS,
            registry=registry,
        )  # fmt: skip
        self.last = gauge("last_poll_timestamp_seconds", "When the last poll ended")
        self.last_exact = gauge(
            "last_exact_poll_timestamp_seconds", "When a poll last ended that had read everything"
        )
        self.stories = gauge("stories", "Stories in the last poll that did not fail")
        self.comments = gauge("comments", "Comments below them, as far as they were counted")
        self.period: Gauge | None = None
        if settings.polls != 1:
            self.period = gauge("period_seconds", "From one poll's start to the next one's")
            self.period.set(settings.period)
        for status in ("exact", "partial", "failed"):
            self.polls.labels(status)
        build = {"version": __version__, "python": platform.python_version()}
        Info("build", "What runs here", namespace=PREFIX, registry=registry).info(build)
        registry.register(TrafficCollector(traffic))
        ProcessCollector(registry=registry)
        self._counts: dict[int, int] = {}

    def tell(self, event: Event) -> None:
        """
        Count notices, and note when the next poll is due.
        """
        if isinstance(event, PollBegan) and event.wait is not None and self.period is not None:
            self.period.set(event.wait)
        elif isinstance(event, NoticeTaken):
            self.notices.labels(event.receiver, "taken").inc()
        elif isinstance(event, Trouble) and event.kind == "receiver" and not event.over:
            self.notices.labels(str(event.subject), "failed").inc()

    def publish(self, report: PollReport) -> None:
        """
        Take up a poll that ended.
        """
        self.polls.labels(report.status).inc()
        self.fetches.inc(report.fetches)
        self.retries.inc(report.retries)
        self.refusals.inc(report.refused)
        self.drift.inc(report.drift)
        self.seconds.observe(report.seconds)
        self.last.set(now := time.time())
        if report.status == "exact":
            self.last_exact.set(now)
        if report.status != "failed":
            self.stories.set(len(report.stories))
            self.comments.set(sum(s.count.comments for s in report.stories if s.count))
        self.new.inc(self._count_new(report))

    def _count_new(self, report: PollReport) -> int:
        """
        Return by how much the exact counts grew; a story's first one is not all new.
        """
        # A story's own `new` counts from what was told, perhaps many polls ago.
        new = 0
        for story in report.stories:
            if (comments := story.exact_comments) is not None:
                known = self._counts.pop(story.id, None)
                new += max((story.new or 0) if known is None else comments - known, 0)
                self._counts[story.id] = comments
        while len(self._counts) > MAX_STORIES:
            del self._counts[next(iter(self._counts))]
        return new


class Registry(CollectorRegistry):
    """
    Leaves out when each counter was made: one more series for each, which nobody asks for.

    prometheus_client can do so for all of a program, whose own metrics are none of our business.
    """

    def collect(self) -> Iterator[Metric]:
        for metric in super().collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


class TrafficCollector(Collector):
    """
    Asks what is under way when it is asked itself.
    """

    def __init__(self, look: Callable[[], Traffic | None]) -> None:
        self.look = look

    def collect(self) -> Iterator[Metric]:
        traffic = self.look()
        yield GaugeMetricFamily(
            f"{PREFIX}_requests_in_flight",
            "Requests under way",
            value=traffic.in_flight if traffic else 0,
        )
        rate = GaugeMetricFamily(
            f"{PREFIX}_allowed_requests_per_second",
            "How fast requests may leave; no value as long as the API refuses none",
        )
        if traffic is not None and traffic.rate is not None:
            rate.add_metric([], traffic.rate)
        yield rate
