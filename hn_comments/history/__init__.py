"""
The history file: what each poll found, and the memory between runs, in SQLite.

`store` is what is used; it asks `figures`, `archive` and `recall`, which write and read
`rows`, in a `database` of the `schema` that they share.
"""
