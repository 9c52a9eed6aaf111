"""
The history file: what each poll found, and the memory between runs, in SQLite.

`history` is what is used. It has a `store` in a thread, which asks `reports`, `saving` and
`loading` to write and read rows, in a `database` of the `schema` that they share. What was known
at a moment is read by `past`, which needs none of that.
"""

from .history import History
from .past import Past, PastPoll


__all__ = ["History", "Past", "PastPoll"]
