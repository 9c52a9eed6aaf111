"""
The port of --serve: who may ask, what for, and what is answered.

It runs in the event loop of the polls, and hands out what is ready: nothing here waits for a poll,
and no poll for anything here.
"""

import logging
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from .health import Health
from .hosts import Place
from .html import SCRIPTS, STYLES, make_live_page
from .latest import Latest
from .stories import Stories
from .streams import Streams


# The page at /, and where its files are: each is served at its own name.
PAGE, FILES = make_live_page(), Path(__file__).parent / "page"

# Seconds after which an idle connection is closed, and that others have at the end.
KEEP_ALIVE, GRACE = 60.0, 0.1

HEADERS = {
    # Nothing from elsewhere: no script, no picture, no frame around it.
    "Content-Security-Policy": f"{PAGE.policy}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "hn-comments",
    "X-Content-Type-Options": "nosniff",
}


class Server:
    """
    Answers at *place*.

    Raises:
        CannotServe: if nobody can listen there.
    """

    def __init__(
        self,
        place: Place,
        registry: CollectorRegistry,
        *,
        latest: Latest,
        stories: Stories,
        health: Health,
    ) -> None:
        self.place = place
        # Before the first poll, and before there is an event loop.
        self._socket = place.listen()
        self.latest = latest
        self.stories = stories
        self.health = health
        self.streams = Streams(latest)
        app = web.Application(middlewares=[self._check_host])
        app.on_response_prepare.append(add_headers)
        self._add_routes(app, registry)
        # Who leaves has its request cancelled, so that its stream ends.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=make_logger(),
            handler_cancellation=True,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=GRACE,
        )

    def _add_routes(self, app: web.Application, registry: CollectorRegistry) -> None:
        get = app.router.add_get
        get("/", answer_page)
        for name in (*STYLES, *SCRIPTS):
            get(f"/{name}", send_file(FILES / name))
        get("/events", self.streams.serve, allow_head=False)
        get("/latest.json", self._answer_latest)
        get(r"/story/{id:[0-9]{1,18}}.json", self._answer_story)
        get("/metrics", make_aiohttp_handler(registry))
        get("/health", self._answer_health)
        get("/ready", self._answer_readiness)

    async def open(self) -> None:
        """
        Begin to answer.
        """
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """
        End, whoever still listens.
        """
        await self.streams.close()
        await self._runner.cleanup()
        self._socket.close()

    @web.middleware
    async def _check_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.headers.get("Host")
        if not self.place.allows(name):
            text = f"This server is not called {name!r}; see --serve in its documentation.\n"
            return web.Response(status=HTTPStatus.FORBIDDEN, text=text)
        return await handler(request)

    async def _answer_latest(self, _: web.Request) -> web.Response:
        return web.Response(text=self.latest.text(), content_type="application/json")

    async def _answer_story(self, request: web.Request) -> web.Response:
        story_id = int(request.match_info["id"])
        story = await self.stories.find(story_id)
        if story is None:
            error = f"story {story_id} is not known here"
            return web.json_response({"error": error}, status=HTTPStatus.NOT_FOUND)
        return web.json_response(story)

    async def _answer_health(self, _: web.Request) -> web.Response:
        return answer_with(self.health.problem())

    async def _answer_readiness(self, _: web.Request) -> web.Response:
        return answer_with(self.health.staleness())


def make_logger() -> logging.Logger:
    """
    Return where aiohttp says what went wrong: in a line, and nothing of others' mistakes.

    Whoever scans for ports sends what is no HTTP, and each would be a traceback.
    """
    logger = logging.getLogger(__name__)
    logger.addFilter(shorten_error)
    return logger


def shorten_error(record: logging.LogRecord) -> bool:
    """
    Return whether the program is at fault; then the record is made one line.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args = "An answer at the port failed: %r", (error,)
        record.exc_info = record.exc_text = None
    return not isinstance(error, HttpProcessingError)


def answer_with(problem: str | None) -> web.Response:
    """
    Return what a health check is answered.
    """
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return web.json_response({"ok": problem is None, "reason": problem}, status=status)


async def answer_page(_: web.Request) -> web.Response:
    """
    Answer with the page itself.
    """
    return web.Response(text=PAGE.html, content_type="text/html")


def send_file(file: Path) -> Handler:
    """
    Return what answers with a file of the page.
    """

    async def answer(_: web.Request) -> web.StreamResponse:
        # Kept, but asked for each time whether there is another one: after an update there is.
        return web.FileResponse(file, headers={"Cache-Control": "no-cache"})

    return answer


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """
    Add what keeps a browser from trusting anybody else. No CORS: other pages get nothing.
    """
    response.headers.update(HEADERS)
    if not isinstance(response, web.FileResponse):
        response.headers["Cache-Control"] = "no-store"
