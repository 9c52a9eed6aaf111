"""
The document of /latest.json: the latest poll that found something, and the trouble since.

It is made once for each poll, whoever asks for it. A failed poll changes nothing but the trouble,
so that a page which is opened in an outage has something to show.
"""

import asyncio
import json
import secrets
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import __version__
from ..events import Event, Trouble
from ..models import PollReport, utc_time
from ..output.formats import MAX_REASON, comment_fields, cut, poll_fields, story_fields
from ..settings import Settings
from .listener import Listener


# Comments in the document at most.
MAX_COMMENTS = 100


class Latest(Listener):
    """
    The document, and an event that is set when there is another one.

    *id* differs for each poll of each run of the program.
    """

    def __init__(self, settings: Settings) -> None:
        self.trouble: dict[str, Any] | None = None
        self.changed = asyncio.Event()
        self._comments: deque[dict[str, Any]] = deque(maxlen=MAX_COMMENTS)
        self._with_comments = settings.comments
        # Else a page that was open during a restart would take the new first poll for the old.
        self._run = secrets.token_hex(4)
        self.id = f"{self._run}-0"
        self._head = {"version": __version__, "time": "", "started": utc_time(datetime.now(UTC))}
        self._settings = {
            "list": settings.list_name,
            "period": None if settings.polls == 1 else settings.period,
            "history": settings.history is not None,
        }
        self._poll = encode({"poll": None, "stories": [], "comments": []})
        self._made = ("", "")

    def tell(self, event: Event) -> None:
        """
        Note that polls fail, or do not fail any more.
        """
        if isinstance(event, Trouble) and event.kind == "polls":
            since = datetime.now(UTC) - timedelta(seconds=event.seconds)
            trouble = {
                "since": utc_time(since),
                "failures": event.count,
                "error": cut(event.reason, MAX_REASON),
            }
            self._change(None if event.over else trouble)

    def publish(self, report: PollReport) -> None:
        """
        Take up a poll, unless it found nothing.
        """
        if self._with_comments:
            for comment in report.comments:
                fields = comment_fields(report, comment)
                self._comments.appendleft({"type": "comment", **fields})
        if report.status == "failed":
            return
        self.id = f"{self._run}-{report.poll}"
        stories = [{"type": "story", **story_fields(report, story)} for story in report.stories]
        poll = {"type": "poll", **poll_fields(report)}
        self._poll = encode({"poll": poll, "stories": stories, "comments": [*self._comments]})
        self._change(None)

    def text(self) -> str:
        """
        Return the document as it is now.
        """
        now = utc_time(datetime.now(UTC))
        made, text = self._made
        if made != now:
            head = encode({**self._head, "time": now, **self._settings})
            text = f"{{{head}, {self._poll}, {encode({'trouble': self.trouble})}}}"
            self._made = now, text
        return text

    def wake(self) -> None:
        """
        Have all who wait for `changed` look again.
        """
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def _change(self, trouble: dict[str, Any] | None) -> None:
        self.trouble = trouble
        self._made = "", ""
        self.wake()


def encode(fields: dict[str, Any]) -> str:
    """
    Return *fields* as JSON, without the braces around them.
    """
    return json.dumps(fields)[1:-1]
