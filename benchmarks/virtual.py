"""
An event loop that waits for nobody, for benchmarks in virtual time.
"""

import asyncio
import selectors
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    An event loop whose clock jumps to the next timer.
    """

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(Jumps(self))

    def time(self) -> float:
        return self.now


class Jumps(selectors.DefaultSelector):
    """
    A selector that does not wait, but moves the clock of *loop* on by as much.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is left to wait for")
        self.loop.now += max(timeout, 0.0)
        return super().select(0)
