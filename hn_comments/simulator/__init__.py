"""
A local stand-in for the Hacker News API, growing and misbehaving on request.

It shares no code with the client side of this package, so it cannot share its bugs. Any
Hacker News tool can be tested against it.
"""

# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command import main
    from .fixture import RunningSimulator
    from .limit import Limit
    from .server import FAULTS, Simulator
    from .world import World

__all__ = ["FAULTS", "Limit", "RunningSimulator", "Simulator", "World", "main"]

# pytest imports `fixture`, and so this package, wherever it is installed: nobody waits for
# aiohttp's server who does not use it.
MODULES = {
    "FAULTS": "server",
    "Limit": "limit",
    "RunningSimulator": "fixture",
    "Simulator": "server",
    "World": "world",
    "main": "command",
}


def __getattr__(name: str) -> object:
    """
    Import a name on first use (PEP 562).
    """
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{MODULES[name]}", __name__), name)
