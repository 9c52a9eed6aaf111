"""
The source "socket": the database's own protocol, with HTTP to fall back on.

While there is no socket, everything is read over HTTP, and another one is tried at growing
distances. What is told over it only says that something changed: it is never taken for an answer.
"""

import asyncio
import contextlib
import json
import random
import re
from collections.abc import Callable, Collection
from typing import Any, NoReturn, Self

from async_timeout import timeout
from yarl import URL

from ..errors import ConnectionFailed, quote
from ..events import Troubles
from ..settings import SourceName
from ..tasks import MIN_SHARE, gather_or_stop, stop_tasks
from .addresses import parse
from .deadlines import Deadlines
from .line import Line, Lost, dial
from .protocol import VERSION, Answer, Push
from .session import Session


# Seconds until there must be a connection and a hello.
HELLO_TIMEOUT = 5.0

# Seconds before a lost socket is tried again: at first, and at most; they double in between.
FIRST_WAIT, MAX_WAIT = 1.0, 60.0

# Seconds that a socket must last before the waits begin anew.
STEADY = 300.0

# Other hosts to which a server can send us in a row.
MAX_REDIRECTS = 2

# The namespace of Hacker News, for an address that does not begin with one.
NAMESPACE = "hacker-news"

# Domains of the database, whose hosts are called by a namespace.
DATABASES = (".firebaseio.com", ".firebasedatabase.app")


class SocketSource:
    """
    A websocket beside a *session*, which serves while there is none; use it with `async with`.
    """

    def __init__(self, session: Session, troubles: Troubles) -> None:
        self.settings = session.settings
        self.pacer = session.pacer
        self.on_change: Callable[[], object] = lambda: None
        self._session = session
        self._troubles = troubles
        self._deadlines = Deadlines(self.settings.fetch_timeout)
        self._line: Line | None = None
        # Whether the first attempt has come to an end: until then nobody reads.
        self._tried = asyncio.Event()
        self._wanted: frozenset[str] = frozenset()
        self._wishes = asyncio.Event()
        # The paths that are watched, with what was told of each last.
        self._told: dict[str, int] = {}
        self._watched: set[str] = set()

    async def __aenter__(self) -> Self:
        self._keeping = asyncio.create_task(self._keep(), name="socket")
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_tasks([self._keeping])
        self._deadlines.close()

    @property
    def name(self) -> SourceName:
        return "http" if self._line is None else "socket"

    @property
    def tells(self) -> bool:
        return self._line is not None and bool(self._wanted) and self._wanted <= self._watched

    async def get(self, path: str, url: URL, *, soon: bool = False) -> Any:
        """
        Return the value at *path*, or what HTTP has for it.

        Raises:
            FetchError: whatever went wrong, in one sentence.
        """
        await self._tried.wait()
        # HTTP has what failed before, too: its silence is not the socket's.
        if self._line is None or soon:
            return await self._session.get(path, url, soon=soon)
        try:
            answer = await self._ask(self._line, "g", self._name(path))
        except Lost as exc:
            raise ConnectionFailed(path, f"the socket was lost: {exc}", was_socket=True) from exc
        if answer.status != "ok":
            raise ConnectionFailed(path, f"the database answers {answer.status}")
        return answer.value

    def watch(self, paths: Collection[str]) -> None:
        """
        Watch *paths*, and no others any more.
        """
        self._wanted = frozenset(map(self._name, paths))
        self._wishes.set()

    def _name(self, path: str) -> str:
        """
        Return the name that the database has for *path*: "v0/maxitem" for "maxitem.json".
        """
        base = URL(self.settings.api_url).path.strip("/")
        return f"{base}/{path.removesuffix('.json')}".lstrip("/")

    async def _keep(self) -> NoReturn:
        """
        Have a socket, and another one whenever it is lost.
        """
        loop = asyncio.get_running_loop()
        home = URL(self.settings.api_url).authority
        host, redirects, wait = home, 0, FIRST_WAIT
        while True:
            began = loop.time()
            lost = await self._use(socket_address(self.settings.api_url, host), wait)
            # Who trusted to be told of changes must look again.
            self.on_change()
            host = home
            if lost.host is not None and redirects < MAX_REDIRECTS:
                redirects += 1
                if is_near(lost.host, home):
                    host = lost.host
                    continue
                lost = Lost(f"it sends us to another domain: {quote(lost.host)}")
            self._tried.set()
            self._troubles.note("socket", str(lost))
            if loop.time() - began > STEADY:
                redirects, wait = 0, FIRST_WAIT
            await asyncio.sleep(wait * random.uniform(MIN_SHARE, 1))
            wait = min(2 * wait, MAX_WAIT)

    async def _use(self, url: URL, wait: float) -> Lost:
        """
        Read over a new socket until it is lost, and return why.
        """
        line: Line | None = None
        beside: list[asyncio.Task[None]] = []
        try:
            async with timeout(HELLO_TIMEOUT):
                line = await dial(self._session, url, self._hear)
                await line.wait_for_hello()
            self._line = line
            self._tried.set()
            works = (self._keep_watching(line), line.keep_alive(), self._trust(wait))
            beside += map(asyncio.create_task, works)
            await line.run()
        except TimeoutError:
            return Lost(f"no hello within {HELLO_TIMEOUT:g} seconds")
        except Lost as exc:
            return exc
        except Exception as exc:  # noqa: BLE001 - a bug here must not stop all reading
            return Lost(f"{type(exc).__name__}: {exc}")
        finally:
            self._line = None
            self._watched.clear()
            self._told.clear()
            await stop_tasks(beside)
            if line is not None:
                await line.close()

    async def _ask(self, line: Line, action: str, path: str) -> Answer:
        """
        Return the answer to one request; without one in time, the line is lost.
        """
        try:
            with self._deadlines.start():
                return await line.ask(action, path)
        except TimeoutError:
            reason = f"no answer within {self._deadlines.seconds:g} seconds"
            line.give_up(reason)
            raise Lost(reason) from None

    async def _trust(self, seconds: float) -> None:
        """
        Say that the socket is back when it has lasted as long as the wait for it.
        """
        await asyncio.sleep(seconds)
        self._troubles.end("socket")

    async def _keep_watching(self, line: Line) -> None:
        """
        Watch what is wanted, whenever that changes.
        """
        # What changed before is known to nobody, so that there is news at once.
        news = True
        with contextlib.suppress(Lost):
            while True:
                if self._wanted != self._watched:
                    await self._watch_wanted(line)
                    if news:
                        self.on_change()
                    news = False
                await self._wishes.wait()
                self._wishes.clear()

    async def _watch_wanted(self, line: Line) -> None:
        left, new = self._watched - self._wanted, self._wanted - self._watched
        self._watched -= left
        for path in left:
            self._told.pop(path, None)
        works = [self._ask(line, "n", path) for path in left]
        works += [self._watch_path(line, path) for path in new]
        await gather_or_stop([asyncio.create_task(work) for work in works])

    async def _watch_path(self, line: Line, path: str) -> Answer:
        answer = await self._ask(line, "q", path)
        if answer.status == "ok":
            self._watched.add(path)
        return answer

    def _hear(self, push: Push) -> None:
        """
        Say that something changed, if it is watched and not just told for the first time.
        """
        path = push.path if push.path in self._wanted else push.path.rpartition("/")[0]
        if path in self._wanted and self._is_news(push, path) and path in self._watched:
            self.on_change()

    def _is_news(self, push: Push, path: str) -> bool:
        """
        Return whether more than points have changed at *path*; those change all the time.
        """
        value, told = push.value, self._told.pop(path, None)
        if push.path != path:
            return not push.path.endswith("/score")
        if isinstance(value, dict):
            value = {key: value[key] for key in value if key != "score"}
        if push.merged:
            return bool(value)
        # A value can have megabytes, and they are many.
        self._told[path] = hash(json.dumps(value))
        return self._told[path] != told


def socket_address(api_url: str, host: str) -> URL:
    """
    Return where the websocket of the API is on a *host*, perhaps with a port.
    """
    home = URL(api_url)
    name = home.host or ""
    namespace = name.partition(".")[0] if name.endswith(DATABASES) else NAMESPACE
    scheme = "wss" if home.scheme == "https" else "ws"
    return URL(f"{scheme}://{host}/.ws").with_query(v=VERSION, ns=namespace)


def is_near(host: str, home: str) -> bool:
    """
    Return whether *host*, to which a server sends us, is that of *home* or of the same database.
    """
    if not re.fullmatch("[A-Za-z0-9.:-]+", host):
        return False
    try:
        there, here = parse(f"http://{host}").host or "", parse(f"http://{home}").host or ""
    except ValueError:
        return False
    return there == here or any(
        there.endswith(domain) and here.endswith(domain) for domain in DATABASES
    )
