"""
What can be seen of it in a browser: a page, as a report of a history.
"""
