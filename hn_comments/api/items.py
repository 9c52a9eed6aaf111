"""
Decode and check the API's answers, before anything else uses them.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from ..errors import MalformedItem, NotJSON
from ..models import Item


decode: Callable[[str | bytes], Any] = json.loads
with contextlib.suppress(ImportError):
    # The extra `speed`; it decodes an item in a third of the time.
    from orjson import loads as decode  # type: ignore[no-redef, unused-ignore]


# The last second of the year 9999: no calendar here goes further.
MAX_TIME = 253_402_300_799

# Numbers beyond this fit no database column. Ids, scores and counts are far below it.
MAX_INTEGER = 2**63 - 1

# Direct replies of one item at most: ten times as many as any real item has.
MAX_KIDS = 50_000


def parse_json(path: str, body: str | bytes) -> Any:
    """
    Return the JSON value in *body*.
    """
    try:
        try:
            return decode(body)
        except ValueError:
            # The fast decoder refuses halves of surrogate pairs, which JSON allows.
            return json.loads(body)
    # Valid JSON overflows the decoder's stack where it is nested a thousand deep.
    except (ValueError, RecursionError) as exc:
        raise NotJSON(path) from exc


def parse_ids(path: str, value: Any) -> tuple[int, ...]:
    """
    Return *value* as item ids, if it is a list of positive integers.
    """
    if not isinstance(value, list):
        raise MalformedItem(path, "the ids are not a list")
    if len(value) > MAX_KIDS:
        raise MalformedItem(path, f"{len(value)} ids are more than {MAX_KIDS}")
    for item_id in value:
        # Not isinstance: True is an int as well.
        if type(item_id) is not int or not 0 < item_id <= MAX_INTEGER:
            raise MalformedItem(path, f"{name(item_id)} is not an item id")
    return tuple(value)


def parse_item(path: str, item_id: int, value: Any) -> Item | None:
    """
    Return *value* as the item *item_id*, or None for `null`.

    https://github.com/HackerNews/API describes the fields.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise MalformedItem(path, "the answer is not an object")
    if value.get("id") != item_id:
        raise MalformedItem(path, f"the answer is item {name(value.get('id'))}")
    return Item(
        id=item_id,
        type=_text(value.get("type")),
        time=_time(value.get("time")),
        kids=parse_ids(path, value["kids"]) if "kids" in value else (),
        parent=_number(value.get("parent")),
        deleted=value.get("deleted") is True,
        dead=value.get("dead") is True,
        by=_text(value.get("by")),
        title=_text(value.get("title")),
        text=_text(value.get("text")),
        url=_text(value.get("url")),
        score=_number(value.get("score")),
        # -1 is the API's way of saying that it does not count them (item 88).
        descendants=_count(value.get("descendants")),
    )


def name(value: Any) -> str:
    """
    Return a short name for any JSON value, for a message.
    """
    # repr() of a list overflows the stack where it is nested deep enough.
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return repr(value)[:40]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) <= MAX_INTEGER else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return number if number is None or number >= 0 else None


def _time(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TIME else None
