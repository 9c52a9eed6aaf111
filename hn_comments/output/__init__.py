"""
Reports in words: as text, JSON Lines and CSV for pipes and files, fitted for terminals.

Only here sentences are made of what the engine found. What draws on a terminal is imported
where there is one.
"""
