"""
The history file: what each poll found, and the memory between runs, in SQLite.

`history` is what polls use. It has a `store` in a thread, which asks `reports`, `saving` and
`loading` to write and read rows, in a `database` of the `schema` that they share. `past` is what
reports use: what was known at a moment. It needs neither a memory nor the API, so each of the two
is imported by itself.
"""
