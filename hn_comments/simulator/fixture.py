"""
A pytest fixture: the simulator, running in a thread, for tests of any Hacker News tool.

pytest finds it by itself where this package is installed. It needs neither an event loop nor a
plugin of the test that uses it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")


class RunningSimulator:
    """
    A simulator that serves, at *url*, until `stop`. Change its *world* by `call`.
    """

    def __init__(self, world: "World", **settings: Any) -> None:
        from .server import Simulator

        self._loop = asyncio.new_event_loop()
        self._simulator: Simulator = Simulator(world, **settings)
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator")
        self._thread.start()
        self._wait(self._simulator.__aenter__())

    @property
    def url(self) -> str:
        """
        What a client takes for the API's address.
        """
        return self._simulator.url

    @property
    def world(self) -> "World":
        return self._simulator.world

    @property
    def requests(self) -> int:
        """
        How many requests there were.
        """
        return self._simulator.requests

    def fail(self, path: str, fault: str, *, times: int | None = None) -> None:
        """
        Spoil answers for *path* ("item/8863") by *fault*, the next *times* or for ever.
        """
        self.call(lambda: self._simulator.fail(path, fault, times=times))

    def recover(self) -> None:
        """
        Undo all that `fail` did.
        """
        self.call(self._simulator.recover)

    def call(self, function: Callable[[], T]) -> T:
        """
        Return what *function* returns, called between two answers of the server.
        """

        async def run() -> T:
            return function()

        return self._wait(run())

    def stop(self) -> None:
        """
        Stop serving, and wait for that.
        """
        self._wait(self._simulator.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@pytest.fixture
def hn_simulator() -> Iterator[Callable[..., RunningSimulator]]:
    """
    Start simulators, as in `hn_simulator(stories=5, latency=0.1)`, and stop them after the test.

    What `World` does not take is for `Simulator`; `world=` takes a world of one's own.
    """
    from .world import World

    running: list[RunningSimulator] = []

    def start(world: "World | None" = None, **settings: Any) -> RunningSimulator:
        names = ("seed", "stories", "rate", "lag", "flap", "updates_size")
        given = {name: settings.pop(name) for name in names if name in settings}
        running.append(RunningSimulator(world or World(**given), **settings))
        return running[-1]

    yield start
    for simulator in running:
        simulator.stop()
