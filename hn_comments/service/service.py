"""
All that is told what the engine says, besides the printer: the port, the metrics file, systemd.
"""

from typing import Self

from ..errors import CannotServe, how_to_install
from ..events import Event, Tell, Troubles
from ..models import PollReport
from ..settings import Settings
from .listener import Listener
from .systemd import Systemd


# Type checkers read this as typing.TYPE_CHECKING; each is imported where it is asked for.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Control
    from .metrics import Metrics
    from .server import Server
    from .textfile import MetricsFile


class Service(Listener):
    """
    What the *settings* and the environment ask for; use it with `async with`.

    *control* tells what nobody says by itself; *tell* says what happens here.

    Raises:
        CannotServe: if something cannot be done, before anything is polled.
    """

    def __init__(self, settings: Settings, control: "Control", tell: Tell) -> None:
        self._say = tell
        self._listeners: list[Listener] = []
        self._server: Server | None = None
        self._file: MetricsFile | None = None
        if settings.serve is not None or settings.metrics_file is not None:
            metrics = make_metrics(settings, control)
            self._listeners.append(metrics)
            if settings.metrics_file is not None:
                self._add_file(settings.metrics_file, metrics)
            # After what else can fail, since it opens something that would have to be closed.
            if settings.serve is not None:
                self._add_server(settings, control, metrics)
        # Last for the same reason, and because nothing can go wrong with it.
        self._systemd = Systemd.from_environment()
        if self._systemd is not None:
            self._listeners.append(self._systemd)

    def _add_server(self, settings: Settings, control: "Control", metrics: "Metrics") -> None:
        try:
            from .server import Server
        except ImportError as exc:
            raise extra_missing("serve", exc) from exc
        from .health import Health
        from .hosts import Place
        from .latest import Latest
        from .stories import Stories

        latest, stories = Latest(settings), Stories(settings, control.growth)
        health = Health(settings, control.progress)
        self._listeners += [latest, stories, health]
        self._server = Server(
            Place(str(settings.serve)), metrics.registry, latest=latest, stories=stories,
            health=health,
        )  # fmt: skip

    def _add_file(self, path: str, metrics: "Metrics") -> None:
        from .textfile import MetricsFile

        self._file = MetricsFile(path, metrics.registry, Troubles(self._say))
        self._listeners.append(self._file)

    async def __aenter__(self) -> Self:
        if self._server is not None:
            await self._server.open()
            self._say(self._server.place.announce())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._systemd is not None:
            self._systemd.close()
        if self._server is not None:
            await self._server.close()
        if self._file is not None:
            await self._file.close()

    def tell(self, event: Event) -> None:
        """
        Tell all parts what happened.
        """
        for listener in self._listeners:
            listener.tell(event)

    def publish(self, report: PollReport) -> None:
        """
        Give all parts what a poll found.
        """
        for listener in self._listeners:
            listener.publish(report)


def make_metrics(settings: Settings, control: "Control") -> "Metrics":
    """
    Return the metrics, which --serve and --metrics-file share.
    """
    try:
        from .metrics import Metrics
    except ImportError as exc:
        field = "metrics_file" if settings.serve is None else "serve"
        raise extra_missing(field, exc) from exc
    return Metrics(settings, control.traffic)


def extra_missing(field: str, exc: ImportError) -> CannotServe:
    """
    Return the error for a setting that needs the extra `serve`, which was not installed.
    """
    package = str(exc.name).replace("_", "-")
    return CannotServe(field, f"needs {package}: {how_to_install(package)}")
