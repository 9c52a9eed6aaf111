"""
What one poll leaves for the next, and what is to be asked because of it.

`memory` holds a `discussion` for each post, which has a `tree`; `changes` finds out what is to
be read again. Others import from here, and not from the modules inside.
"""

from .answers import YOUTH
from .changes import Changes, ask, find_changes
from .clock import Clock, SteadyClock
from .crossings import Crossings
from .discussion import Discussion
from .memory import POST_MEMORY, Memory
from .newcomers import Newcomers
from .pending import Wait
from .proof import LAG, Proof
from .told import MAX_TOLD_COMMENTS, Told, Untold
from .tree import MAX_NODES, NOTHING, Node, Tree
from .updates import READ_AGAIN
from .world import find_other_world


__all__ = [
    "LAG",
    "MAX_NODES",
    "MAX_TOLD_COMMENTS",
    "NOTHING",
    "POST_MEMORY",
    "READ_AGAIN",
    "YOUTH",
    "Changes",
    "Clock",
    "Crossings",
    "Discussion",
    "Memory",
    "Newcomers",
    "Node",
    "Proof",
    "SteadyClock",
    "Told",
    "Tree",
    "Untold",
    "Wait",
    "ask",
    "find_changes",
    "find_other_world",
]
