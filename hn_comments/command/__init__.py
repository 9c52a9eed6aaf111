"""
The command line: `options` reads it, `run` does what it asks for.
"""
