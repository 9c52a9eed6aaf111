"""
Serve a `World` over the protocol of the database below Hacker News, by a websocket at `/.ws`.

Written from what Google's own library for JavaScript says and expects.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web


# A type checker takes this for typing.TYPE_CHECKING: `server` imports this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .server import Simulator

# The version of the protocol that the library asks for.
VERSION = "5"

# Characters of a frame at most. What is longer comes in several, after a frame with their number.
FRAME = 16_384

# Digits of such a number at most; what is longer is a message.
MAX_DIGITS = 6

# Seconds between two looks at what a client watches.
LOOK = 0.05

# What a socket can suffer: after so many seconds it stalls, is reset, shut down or sent elsewhere;
# or its frames have so many characters, or it is told what it watches each so many seconds.
WEATHER = ("stall", "reset", "shutdown", "redirect", "split", "storm")

# Where a redirect leads, unless the simulator has another `elsewhere`.
ELSEWHERE = "s-elsewhere.invalid"

# What the database says of a read that it does not allow, or cannot do now.
REFUSALS = {
    "401": "permission_denied",
    "429": "unavailable",
    "500": "unavailable",
    "503": "unavailable",
}


async def serve_socket(simulator: "Simulator", request: web.BaseRequest) -> web.StreamResponse:
    """
    Serve one client until it leaves.
    """
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    guest = Guest(simulator, socket, request)
    simulator.sockets += 1
    async with guest.attended():
        await guest.greet()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await guest.hear(message.data)
    return socket


class Guest:
    """
    One client: what it asks, and what it watches.
    """

    def __init__(
        self, simulator: "Simulator", socket: web.WebSocketResponse, request: web.BaseRequest
    ) -> None:
        self.simulator = simulator
        self.socket = socket
        self.request = request
        self.stalled = simulator.weather.get("stall") == 0
        # The values that it was told, by the paths that it watches.
        self.watched: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # The frames of one message follow each other.
        self._turn = asyncio.Lock()
        # The parts of a message that comes in several frames, and how many are still to come.
        self._parts: list[str] = []
        self._missing = 0

    @contextlib.asynccontextmanager
    async def attended(self) -> AsyncIterator[None]:
        """
        Tell it what changes, and let the weather come, until it leaves.
        """
        self._start(self._tell())
        for kind in ("stall", "reset", "shutdown", "redirect"):
            if kind in self.simulator.weather:
                self._start(self._suffer(kind, self.simulator.weather[kind]))
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def greet(self) -> None:
        """
        Say hello, with the host that it should use from now on.
        """
        host = self.simulator.greeting or self.request.host
        hello = {"ts": self.simulator.world.clocks.time() * 1000, "v": VERSION, "h": host, "s": "s"}
        await self._control("h", hello)

    async def hear(self, text: str) -> None:
        """
        Answer a request, when all of it is there.
        """
        if not self._missing and len(text) <= MAX_DIGITS and text.isdecimal():
            # No part at all, "0", keeps the connection alive.
            self._missing = int(text)
            return
        self._parts.append(text)
        self._missing = max(self._missing - 1, 0)
        if self._missing:
            return
        message = json.loads("".join(self._parts))
        self._parts.clear()
        if message["t"] == "c" and message["d"]["t"] == "p":
            await self._control("o", {})
        elif message["t"] == "d":
            await self._answer(message["d"])

    async def _answer(self, request: dict[str, Any]) -> None:
        number, path = request["r"], request["b"].get("p", "")
        match request["a"]:
            case "g" if self.simulator.latency or self.simulator.is_spoilt:
                self._start(self._read(number, path))
            case "g":
                await self._read(number, path)
            case "q":
                value = self.watched[path] = self._look(path)
                await self._push("d", path, value)
                await self._respond(number, {})
            case "n":
                self.watched.pop(path, None)
                await self._respond(number, "")
            case _:  # Statistics, mostly.
                await self._respond(number, "")

    async def _read(self, number: int, path: str) -> None:
        simulator = self.simulator
        simulator.requests += 1
        simulator.in_flight += 1
        simulator.max_in_flight = max(simulator.max_in_flight, simulator.in_flight)
        try:
            await asyncio.sleep(simulator.latency)
            value, fault = await simulator.look_up(name(path))
            match fault:
                case "401" | "429" | "500" | "503":
                    await self._respond(number, "no", status=REFUSALS[fault])
                case "drop":
                    self._drop()
                case "garbage":
                    await self._send("<html>502 Bad Gateway</html>")
                case "truncated":
                    await self._send("2")
                    await self._send('{"t":"d"')
                case _:
                    await self._respond(number, value)
        finally:
            simulator.in_flight -= 1

    async def _tell(self) -> None:
        """
        Tell what changes, or in a storm all the time whatever is watched.
        """
        storm = self.simulator.weather.get("storm")
        while True:
            await asyncio.sleep(LOOK if storm is None else storm)
            for path, before in [*self.watched.items()]:
                value = self._look(path)
                if storm is not None:
                    await self._push("d", path, value)
                elif value != before and path in self.watched:
                    self.watched[path] = value
                    await self._push(*difference(path, before, value))

    async def _suffer(self, kind: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        match kind:
            case "stall":
                self.stalled = True
            case "reset":
                self._drop()
            case "shutdown":
                await self._control("s", "the simulator has had enough")
                await self.socket.close()
            case "redirect":
                await self._control("r", self.simulator.elsewhere or ELSEWHERE)

    def _look(self, path: str) -> Any:
        # Encoded and decoded again: the world changes its values in place.
        return json.loads(json.dumps(self.simulator.view(name(path))))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drop(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _control(self, kind: str, data: Any) -> None:
        await self._say({"t": "c", "d": {"t": kind, "d": data}})

    async def _respond(self, number: int, data: Any, *, status: str = "ok") -> None:
        await self._say({"t": "d", "d": {"r": number, "b": {"s": status, "d": data}}})

    async def _push(self, action: str, path: str, data: Any) -> None:
        self.simulator.pushes += 1
        body = {"p": path.removeprefix("/"), "d": data}
        await self._say({"t": "d", "d": {"a": action, "b": body}})

    async def _say(self, message: dict[str, Any]) -> None:
        """
        Send a message, in several frames if it is long.
        """
        text = json.dumps(message)
        size = int(self.simulator.weather.get("split", FRAME))
        async with self._turn:
            if len(text) > size:
                await self._send(str(-(-len(text) // size)))
            for start in range(0, len(text), size):
                await self._send(text[start : start + size])

    async def _send(self, text: str) -> None:
        if not self.stalled and not self.socket.closed:
            # It may leave while it is told.
            with contextlib.suppress(ConnectionError):
                await self.socket.send_str(text)


def name(path: str) -> str:
    """
    Return the name that `answers` has for a path such as "/v0/maxitem".
    """
    return path.removeprefix("/").removeprefix("v0/")


def difference(path: str, before: Any, value: Any) -> tuple[str, str, Any]:
    """
    Return what a client is told that knows *before*: the changed fields, or all of it.
    """
    if isinstance(before, dict) and isinstance(value, dict):
        missing = dict.fromkeys(before.keys() - value.keys())
        changed = {key: new for key, new in value.items() if before.get(key) != new}
        return "m", path, {**changed, **missing}
    return "d", path, value
