"""
The metrics as a file, for node_exporter's textfile collector: written beside it, and renamed.

That collector reads each *.prom in a directory:
https://github.com/prometheus/node_exporter#textfile-collector
"""

import asyncio
import contextlib
import tempfile
from functools import partial
from pathlib import Path

from async_timeout import timeout
from prometheus_client import CollectorRegistry, Metric, write_to_textfile
from prometheus_client.registry import Collector

from ..errors import CannotServe
from ..events import Troubles
from ..models import PollReport
from ..tasks import in_thread
from .listener import Listener
from .metrics import PREFIX


# Seconds that the last write has at the end of the program.
PATIENCE = 1.0


class MetricsFile(Listener):
    """
    Writes the metrics of a *registry* to *path* after each poll; *troubles* hears of failures.

    Raises:
        CannotServe: if that is impossible from the start.
    """

    def __init__(self, path: str, registry: CollectorRegistry, troubles: Troubles) -> None:
        self.path = path
        self.registry = registry
        self.troubles = troubles
        self._wanted = False
        self._writing: asyncio.Task[None] | None = None
        try_directory(path)

    def publish(self, report: PollReport) -> None:  # noqa: ARG002
        """
        Write soon what the metrics are by then.
        """
        self._wanted = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="metrics file")

    async def close(self) -> None:
        """
        Wait for the last write, but not for long.
        """
        if self._writing is not None:
            with contextlib.suppress(TimeoutError):
                async with timeout(PATIENCE):
                    await self._writing

    async def _write_all(self) -> None:
        while self._wanted:
            self._wanted = False
            write = partial(write_to_textfile, self.path, Collected(self.registry))
            try:
                await in_thread(write, name="metrics file")
            except OSError as exc:
                reason = exc.strerror or str(exc)
                self.troubles.note("metrics", reason, subject=self.path)
            else:
                self.troubles.end("metrics", self.path)


class Collected(Collector):
    """
    The metrics of a *registry* as they were at one moment, without those of the process.

    node_exporter has the same ones of its own, and refuses two by one name.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # In the event loop's thread, since some of them ask the loop.
        metrics = registry.collect()
        self.metrics = [metric for metric in metrics if metric.name.startswith(PREFIX)]

    def collect(self) -> list[Metric]:
        return self.metrics


def try_directory(path: str) -> None:
    """
    Refuse a file that cannot be written, without touching what may be there.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        with contextlib.closing(tempfile.TemporaryFile(dir=file.parent)):
            pass
    except OSError as exc:
        problem = f"cannot write {path!r}: {exc.strerror}"
        raise CannotServe("metrics_file", problem) from exc
