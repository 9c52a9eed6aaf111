"""
The messages of the database below the API, as they are on its websocket; nothing here is sent.

`docs/socket.md` describes them.
"""

import json
from typing import Any, NamedTuple

from ..errors import NotJSON, quote
from .items import parse_json


# The version of the protocol.
VERSION = "5"

# What a client sends now and then where it has nothing to say: a message of no frames.
KEEP_ALIVE = "0"

# Characters of a message at most: as many as an HTTP answer may have bytes.
MAX_MESSAGE = 8 << 20

# Frames of a message at most: no more than a server sends, says Google's library.
MAX_FRAMES = 9999


class Malformed(ValueError):
    """
    A frame or a message breaks the protocol; the text says how.
    """


class Hello(NamedTuple):
    """
    The server is ready.
    """


class Answer(NamedTuple):
    """
    The answer to the request with this *number*: a *status*, "ok" or why not, and a *value*.
    """

    number: int
    status: str
    value: Any


class Push(NamedTuple):
    """
    What is at *path* now; *merged*: only these fields of it have changed.
    """

    path: str
    value: Any
    merged: bool


class Redirect(NamedTuple):
    """
    Another *host* is to be asked.
    """

    host: str


class Goodbye(NamedTuple):
    """
    The connection is of no use any more, for this *reason*.
    """

    reason: str


Message = Hello | Answer | Push | Redirect | Goodbye


class Frames:
    """
    Puts messages together that come in several frames.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._missing = self._length = 0

    def add(self, frame: str) -> str | None:
        """
        Return the message that *frame* completes, if it does.

        Raises:
            Malformed: if the message is longer than any that we would read.
        """
        if not self._missing:
            # No message is so short.
            if len(frame) > 6 or not (frame.isascii() and frame.isdecimal()):
                return frame
            self._begin(int(frame))
            return None
        self._missing -= 1
        self._length += len(frame)
        if self._length > MAX_MESSAGE:
            raise Malformed(f"a message is larger than {MAX_MESSAGE} characters")
        self._parts.append(frame)
        return None if self._missing else "".join(self._parts)

    def _begin(self, frames: int) -> None:
        if frames > MAX_FRAMES:
            raise Malformed(f"a message of {frames} frames")
        self._parts.clear()
        self._missing, self._length = frames, 0


def read_message(text: str) -> Message | None:
    """
    Return the message in *text*, or None for one that we need not know.

    Raises:
        Malformed: if it is no message.
    """
    try:
        message = parse_json("", text)
    except NotJSON:
        raise Malformed("a message is not JSON") from None
    match message:
        case {"t": "d", "d": {"r": number, "b": {"s": str(status)} as body}}:
            # Not int(): True is an int as well.
            if type(number) is int:
                return Answer(number, status, body.get("d"))
            # What is too large for an integer of orjson's: nobody has asked for that.
            if type(number) is float:
                return None
        case {"t": "d", "d": {"a": "d" | "m" as action, "b": {"p": str(path), "d": value}}}:
            return Push(path.strip("/"), value, merged=action == "m")
        case {"t": "d", "d": {"a": "c", "b": {"p": str(path)}}}:
            return Goodbye(f"it says no more of {quote(path)}")
        case {"t": "c", "d": {"t": str(kind), "d": data}}:
            return read_control(kind, data)
        case {"t": "d", "d": {"a": str()}}:
            return None
    raise Malformed("a message makes no sense")


def read_control(kind: str, data: Any) -> Message | None:
    """
    Return a message about the connection itself.
    """
    match kind, data:
        case "h", {"v": str(version)}:
            if version != VERSION:
                raise Malformed(f"version {quote(version)} of the protocol")
            return Hello()
        case "r", str(host):
            return Redirect(host)
        case "s" | "e", reason:
            said = quote(reason) if isinstance(reason, str) else "without a reason"
            return Goodbye(f"the server ends it: {said}")
        case "h" | "r", _:
            raise Malformed("a message makes no sense")
    return None


def write_request(number: int, action: str, path: str) -> str:
    """
    Return the request to read *path* ("g"), to watch it ("q"), or to watch it no more ("n").
    """
    body: dict[str, object] = {"p": f"/{path}"}
    if action == "g":
        # A query that wants all of it.
        body["q"] = {}
    elif action == "q":
        # The hash of what is known already, which is nothing.
        body["h"] = ""
    return json.dumps({"t": "d", "d": {"r": number, "a": action, "b": body}})
