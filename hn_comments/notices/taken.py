"""
Whether a receiver takes a message, and how long it has for that.
"""

# Seconds that a receiver has for one message.
PATIENCE = 30.0


class NotTaken(Exception):
    """
    A receiver did not take a message, for this reason.
    """
