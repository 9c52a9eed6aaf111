"""
What one poll leaves for the next, and what is to be asked because of it.

`memory` holds a `discussion` for each post, which has a `tree`; `changes` finds out what is to
be read again. Others import from here, and not from the modules inside.
"""

from .changes import Found, ask, choose_old, find_changes
from .discussion import Discussion
from .memory import POST_MEMORY, Memory, Pending
from .newcomers import Newcomers
from .proof import LAG
from .replies import MAX_NODES, YOUTH
from .totals import DEAD, DELETED, LIVE, MISSING, NOTHING, UNREAD, Node
from .tree import Tree


__all__ = [
    "DEAD",
    "DELETED",
    "LAG",
    "LIVE",
    "MAX_NODES",
    "MISSING",
    "NOTHING",
    "POST_MEMORY",
    "UNREAD",
    "YOUTH",
    "Discussion",
    "Found",
    "Memory",
    "Newcomers",
    "Node",
    "Pending",
    "Tree",
    "ask",
    "choose_old",
    "find_changes",
]
