"""
Tell people when something happens: thresholds that are reached, new comments, and a heartbeat.

All of it is fire and forget: no poll waits for it. `notifier` and `heartbeat` start tasks in the
`background`; `receivers` send a `message`.
"""

from .command import kill_commands
from .message import NotTaken
from .notices import Notices
from .receivers import Receiver, make_receivers, send


__all__ = ["NotTaken", "Notices", "Receiver", "kill_commands", "make_receivers", "send"]
