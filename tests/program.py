"""
A stand-in for `hn-comments --serve`, which says to a page what a test wants it to hear.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web

from hn_comments.service.server import FILES, HEADERS, PAGE


T = TypeVar("T")

# Some moment; nothing depends on which.
BORN = 1_795_500_000


class Program:
    """
    Serves the live page and *document* until `stop`; its streams get what is published.
    """

    def __init__(self, document: dict[str, Any], *, port: int = 0) -> None:
        self.document = document
        # What is answered for /story/ID.json, and how often each was asked for.
        self.stories: dict[int, dict[str, Any]] = {}
        self.asked: list[int] = []
        # The Last-Event-ID of each stream that was opened, and the streams that are open.
        self.opened: list[str | None] = []
        self.streams: set[asyncio.Queue[str | None]] = set()
        # Whether streams are refused, as when there are too many.
        self.is_full = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="program")
        self._thread.start()
        self.port = self._wait(lambda: self._start(port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def publish(self, document: dict[str, Any]) -> None:
        """
        Send the document of another poll.
        """
        self.document = document
        self._send(self._greet(None))

    def trouble(self, trouble: dict[str, Any] | None) -> None:
        """
        Say that polls fail, or that they do not any more.
        """
        self.document = {**self.document, "trouble": trouble}
        self._send(f"event: trouble\ndata: {json.dumps(trouble)}\n\n")

    def live(self) -> None:
        """
        Give a sign of life, as after some time in which nothing happened.
        """
        self._send("event: alive\ndata: null\n\n")

    def end_streams(self) -> None:
        """
        End all streams, as a proxy may do at any time.
        """
        self._send(None)

    def stop(self) -> None:
        """
        End as a program does that is killed: nothing is said.
        """
        self.end_streams()
        self._wait(self._runner.cleanup)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _greet(self, known: str | None) -> str:
        # What a stream begins with: all, or the trouble for those who know all.
        poll = self.document["poll"]
        name = f"run-{poll['poll'] if poll else 0}"
        if name == known:
            return f"event: trouble\ndata: {json.dumps(self.document['trouble'])}\n\n"
        return f"id: {name}\nevent: poll\ndata: {json.dumps(self.document)}\n\n"

    def _send(self, text: str | None) -> None:
        def send() -> None:
            for stream in self.streams:
                stream.put_nowait(text)

        self._loop.call_soon_threadsafe(send)

    async def _start(self, port: int) -> int:
        app = web.Application()
        app.router.add_get("/", self._answer_page)
        app.router.add_get("/latest.json", self._answer_latest)
        app.router.add_get("/story/{id}.json", self._answer_story)
        app.router.add_get("/events", self._answer_events)
        app.router.add_static("/", FILES)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _answer_page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE.html, content_type="text/html", headers=HEADERS)

    async def _answer_latest(self, _: web.Request) -> web.Response:
        return web.json_response(self.document)

    async def _answer_story(self, request: web.Request) -> web.Response:
        story = int(request.match_info["id"])
        self.asked.append(story)
        return web.json_response(self.stories[story])

    async def _answer_events(self, request: web.Request) -> web.StreamResponse:
        self.opened.append(request.headers.get("Last-Event-ID"))
        if self.is_full:
            return web.Response(status=503)
        # Before the browser knows that it is open, so that nothing is lost in between.
        stream: asyncio.Queue[str | None] = asyncio.Queue()
        self.streams.add(stream)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        # A browser waits three seconds by default before it connects again.
        await response.write(b"retry: 50\n\n")
        await response.write(self._greet(request.headers.get("Last-Event-ID")).encode())
        try:
            while (text := await stream.get()) is not None:
                await response.write(text.encode())
        except ConnectionError:
            pass
        finally:
            self.streams.discard(stream)
        return response

    def _wait(self, work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()


@contextmanager
def running(document: dict[str, Any], *, port: int = 0) -> Iterator[Program]:
    """Run a program, and stop it at the end."""
    program = Program(document, port=port)
    try:
        yield program
    finally:
        program.stop()


def story(number: int, *, rank: int | None = None, **fields: Any) -> dict[str, Any]:
    """Return a story as JSON Lines have it."""
    comments = 10 * number
    return {
        "type": "story", "poll": 1, "time": "2026-11-25T06:00:00Z", "list": "top", "rank": rank,
        "id": number, "title": f"Story {number}", "by": "somebody",
        "url": f"https://example.com/{number}", "score": 5 * number, "comments": comments,
        "live": comments, "deleted": 0, "dead": 0, "missing": 0, "descendants": comments,
        "new": 0, "status": "exact", "error": None, "kind": "story",
        "created": "2026-11-24T18:00:00Z",
        "link": f"https://news.ycombinator.com/item?id={number}", "last_hour": number,
        "state": "live", **fields,
    }  # fmt: skip


def comment(number: int, post: int, **fields: Any) -> dict[str, Any]:
    """Return a comment as JSON Lines have it."""
    return {
        "type": "comment", "poll": 1, "time": "2026-11-25T06:00:00Z", "id": number, "story": post,
        "parent": post, "by": "writer", "created": "2026-11-25T05:58:00Z",
        "text": f"Comment {number}", "link": f"https://news.ycombinator.com/item?id={number}",
        "parent_by": None, "parent_text": None, **fields,
    }  # fmt: skip


def document(*stories: dict[str, Any], poll: int = 1, **fields: Any) -> dict[str, Any]:
    """Return what /latest.json says after a poll that found *stories*."""
    return {
        "version": "1.2.3", "time": "2026-11-25T06:00:00Z", "started": "2026-11-25T05:00:00Z",
        "list": "top", "period": 60, "history": True,
        "poll": {
            "type": "poll", "poll": poll, "time": "2026-11-25T06:00:00Z", "list": "top",
            "seconds": 0.25, "fetches": 4, "retries": 0, "stories": len(stories), "skipped": 0,
            "mode": "delta", "changed": 1, "drift": 0, "status": "exact", "errors": [],
            "refused": 0,
        },
        "stories": [*stories], "comments": [], "trouble": None, **fields,
    }  # fmt: skip


def details(number: int, *comments: dict[str, Any]) -> dict[str, Any]:
    """Return what /story/ID.json says of a story."""
    return {
        "id": number,
        "curve": [[BORN + 60 * count, count] for count in range(10 * number + 1)],
        "hours": [[BORN // 3600 * 3600, 6 * number], [BORN // 3600 * 3600 + 3600, 4 * number]],
        "ranks": [[BORN, 7], [BORN + 1800, None], [BORN + 3600, 3]],
        "comments": [*comments],
    }
