"""
A local stand-in for the Hacker News API, growing and misbehaving on request.

It shares no code with the client side of this package, so it cannot share its bugs. Any
Hacker News tool can be tested against it.
"""

from .limit import Limit
from .server import FAULTS, Simulator
from .world import World


__all__ = ["FAULTS", "Limit", "Simulator", "World"]
