"""The command with --serve, as its users run it, and what a browser does."""

import asyncio
import json
import os
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from hn_comments.simulator import Simulator, World

from .support import COMMAND, DEADLINE, MS, eventually


# A period in which a test has the time to ask, and one in which nothing happens.
SHORT, LONG = ("--period", str(200 * MS)), ("--period", "1h")

# What no run may ever write.
COMPLAINTS = re.compile("Traceback|never retrieved|was destroyed|Unclosed|never awaited|Exception")


@dataclass
class Service:
    """A running command, what it has said so far, and a browser that knows its address."""

    process: Process
    browser: aiohttp.ClientSession
    lines: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def events(self) -> str:
        return f"{self.url}/events"

    async def listen(self) -> None:
        """Read what it says, until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if b"] Executing <" in line:
                continue  # In debug mode asyncio says that the machine is busy.
            self.lines.append(line.decode().rstrip("\n"))
            if found := re.search(r"Serving (http://\S+)/$", self.lines[-1]):
                self.url = found[1]

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and body."""
        async with self.browser.get(self.url + path, headers=headers) as response:
            return response.status, await response.text()

    async def read(self, path: str = "/latest.json") -> Any:
        """Return the JSON at *path*, whatever the status."""
        _, text = await self.get(path)
        return json.loads(text)

    async def until_polled(self, polls: int = 1) -> dict[str, Any]:
        """Return the document, as soon as it is that of so many polls."""
        async with aclosing(events(self.browser, self.events)) as found:
            async for event in found:
                if event.name == "poll" and (event.data["poll"] or {"poll": 0})["poll"] >= polls:
                    return dict(event.data)
        raise AssertionError("the stream has ended")

    async def end(self) -> int | None:
        """Stop it as systemd does, and return its exit code; it must not complain."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        code = await self.process.wait()
        assert not COMPLAINTS.search("\n".join(self.lines)), self.lines
        return code


@dataclass(frozen=True)
class Event:
    """One that the server has sent."""

    name: str
    id: str | None
    data: Any


@asynccontextmanager
async def started(
    *arguments: str, wait: bool = True, stdout: int = DEVNULL, **settings: Any
) -> AsyncIterator[Service]:
    """Run the command; with *wait*, until its port is open."""
    environment = {**os.environ, "NO_COLOR": "1", **settings.pop("env", {})}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdin=DEVNULL, stdout=stdout, stderr=PIPE, env=environment, **settings
    )
    async with aiohttp.ClientSession() as browser, asyncio.timeout(DEADLINE):
        service = Service(process, browser)
        listening = asyncio.create_task(service.listen())
        try:
            await eventually(lambda: not wait or service.url or listening.done())
            assert service.url or not wait, service.lines
            yield service
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await listening


@asynccontextmanager
async def watching(
    world: World, *arguments: str, **settings: Any
) -> AsyncIterator[tuple[Simulator, Service]]:
    """Serve *world*, and have the command watch it, at a port of its own."""
    async with Simulator(world) as simulator:
        options = ("--api-url", simulator.url, "--serve", "0", "--quiet", *arguments)
        async with started(*options, **settings) as service:
            yield simulator, service


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Return as soon as what *condition* finds out is true."""
    while not await condition():  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(10 * MS)


async def events(browser: aiohttp.ClientSession, url: str, **headers: str) -> AsyncGenerator[Event]:
    """Yield what a page hears from an EventSource."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with browser.get(url, headers={"Accept": "text/event-stream", **named}) as response:
        assert response.status == 200
        fields: dict[str, str] = {}
        # Lines of any length, unlike those of `content`.
        rest = b""
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in map(bytes.decode, lines):
                if not line.strip() and "data" in fields:
                    data = json.loads(fields["data"])
                    yield Event(fields["event"], fields.get("id"), data)
                if not line.strip():
                    fields = {}
                name, _, value = line.partition(": ")
                fields[name] = value
