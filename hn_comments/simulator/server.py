"""
Serve a `World` over HTTP as the real API does, with latency and faults if asked for.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web

from .. import __version__
from .answers import answer
from .limit import Limit
from .sockets import serve_socket
from .world import World


# The ways to spoil an answer, by their names in the --fault option.
FAULTS = (
    "null", "401", "429", "500", "503", "drop", "hang", "slow", "truncated", "garbage",
    "wrong-id", "cycle",
)  # fmt: skip

# Seconds that the fault "slow" adds, and that "429" asks to wait.
SLOW, RETRY_AFTER = 1.0, 1

WELCOME = """\
This is hn-comments-simulator {version}, a stand-in for the Hacker News API.
Nobody wrote what is here: {stories} stories on the front page, {items} items.

  {url}/topstories.json   or new, best, ask, show, job
  {url}/item/{example}.json
  {url}/maxitem.json
  {url}/updates.json

?print=pretty makes it readable. The real API: https://github.com/HackerNews/API
"""


class Simulator:
    """
    A server; use it with `async with`, and read its address from *url*.

    *requests* counts those received, *in_flight* those not answered yet, *refused* those
    beyond what *limit* allows. *faults* gives the probability of each fault; `fail` makes
    one happen at a certain path. *weather* is what happens to websockets: see `WEATHER`. *sockets*
    counts those opened, *pushes* what they were told without having asked.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        faults: Mapping[str, float] | None = None,
        limit: Limit | None = None,
        weather: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        self.world = world
        self.host = host
        self.port = port
        self.latency = latency
        self.faults = dict(faults or {})
        self.limit = limit
        self.weather = dict(weather or {})
        # The host that a websocket should use from now on, and another to which it is sent.
        self.greeting = self.elsewhere = ""
        self.sockets = self.pushes = 0
        self.requests = 0
        self.refused = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self._failing: dict[str, list[str | None]] = {}
        self._always: dict[str, str] = {}
        self._random = random.Random(seed)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v0"

    async def __aenter__(self) -> Self:
        # handler_cancellation, so that the request of a client that leaves is no longer in flight.
        self._runner = web.ServerRunner(
            web.Server(self._handle, handler_cancellation=True), shutdown_timeout=0.1
        )
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.port)
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def fail(self, path: str, fault: str, *, times: int | None = None) -> None:
        """
        Spoil answers for *path* ("item/8863") by *fault*, the next *times* or for ever.
        """
        if times is None:
            self._always[path] = fault
        else:
            self._failing.setdefault(path, []).extend([fault] * times)

    def recover(self) -> None:
        """
        Undo all that `fail` did.
        """
        self._failing.clear()
        self._always.clear()

    @property
    def is_spoilt(self) -> bool:
        """
        Whether any answer may be spoilt.
        """
        return bool(self.faults or self._always or any(self._failing.values()))

    def view(self, path: str) -> Any:
        """
        Return the value at *path* ("item/8863"), as the API shows it now.
        """
        return answer(self.world, path)

    async def look_up(self, path: str) -> tuple[Any, str | None]:
        """
        Return the value at *path*, and its fault; with one that takes time, when that is over.
        """
        value, fault = self.view(path), self._choose_fault(path)
        match fault:
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(SLOW)
        return distort(value, fault), fault

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/.ws":
            return await serve_socket(self, request)
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        # Asked before the latency, because a limit counts requests as they arrive.
        wait = self.limit.take() if self.limit else 0.0
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            if self.limit and wait:
                return self._refuse(self.limit, wait)
            if request.path == "/":
                return web.Response(text=self._welcome())
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    def _refuse(self, limit: Limit, wait: float) -> web.StreamResponse:
        self.refused += 1
        error = {"error": "too many requests"}
        return web.json_response(error, status=limit.status, headers=limit.headers(wait))

    def _welcome(self) -> str:
        return WELCOME.format(
            version=__version__,
            stories=len(self.world.top),
            items=len(self.world.items),
            url=self.url,
            example=next(iter([*self.world.top, 1])),
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/v0/").removesuffix(".json")
        known = request.path == f"/v0/{path}.json"
        value, fault = await self.look_up(path)
        value = value if known else None
        match fault:
            case "401" | "429" | "500" | "503":
                headers = {"Retry-After": str(RETRY_AFTER)} if fault == "429" else None
                return web.json_response({"error": fault}, status=int(fault), headers=headers)
            case "drop":
                return drop(request)
            case "garbage":
                return web.Response(text="<html>502 Bad Gateway</html>", content_type="text/html")
        pretty = 2 if request.query.get("print") == "pretty" else None
        body = json.dumps(value, indent=pretty).encode()
        if fault == "truncated":
            return await truncate(request, body)
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    def _choose_fault(self, path: str) -> str | None:
        if self._failing.get(path):
            return self._failing[path].pop(0)
        if path in self._always or not self.faults:
            return self._always.get(path)
        kinds = [*self.faults, None]
        weights = [*self.faults.values(), max(0.0, 1 - sum(self.faults.values()))]
        return self._random.choices(kinds, weights)[0]


def distort(value: Any, fault: str | None) -> Any:
    """
    Return *value* spoilt by a *fault* whose answer is valid JSON.
    """
    if fault == "null":
        return None
    if fault == "wrong-id" and isinstance(value, dict) and "id" in value:
        return {**value, "id": value["id"] + 1}
    if fault == "cycle" and isinstance(value, dict) and "id" in value:
        return {**value, "kids": [*value.get("kids", []), value.get("parent", value["id"])]}
    return value


def drop(request: web.BaseRequest) -> web.StreamResponse:
    """
    Close the connection without an answer.
    """
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def truncate(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """
    Promise *body*, send half of it, and close the connection.
    """
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
