"""
Reports in words: as text, JSON Lines and CSV for pipes and files, fitted for terminals.

Only this wing makes sentences of the engine's values. Modules that draw on a terminal are
imported only where there is one.
"""
