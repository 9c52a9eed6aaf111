"""
The history file: what each poll found, and the memory between runs, in SQLite.

`store` is what is used; it asks `reports`, `saving` and `loading`, which write and read `rows`,
in a `database` of the `schema` that they share.
"""

from .store import History


__all__ = ["History"]
