"""
What stands on terminals: text that fits, progress, and a live table.

`display` chooses what is shown and is all that `cli` knows; `text`, `progress` and `live`
draw it, each only imported where it is shown.
"""
