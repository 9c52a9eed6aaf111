"""
What each part of the service is to those who know what happens.
"""

from ..events import Event
from ..models import PollReport


class Listener:
    """
    One who is told what the engine says; a part that has no use for it hears nothing.
    """

    def tell(self, event: Event) -> None:
        """
        Hear what happened.
        """

    def publish(self, report: PollReport) -> None:
        """
        Hear what a poll found: each one that ended, failed ones too.
        """
