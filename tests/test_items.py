"""Answers of the API are checked before they are used."""

import pytest
from aioresponses import aioresponses

from hn_comments import (
    Item,
    MalformedItem,
)
from hn_comments.api.items import MAX_TIME

from .support import answer, mocked_fetcher


@pytest.mark.parametrize(
    "value",
    [
        7,
        "item",
        [1],
        {},
        {"id": 2},
        {"id": "1"},
        {"id": 1, "kids": None},
        {"id": 1, "kids": {"0": 2}},
        {"id": 1, "kids": [0]},
        {"id": 1, "kids": [-2]},
        {"id": 1, "kids": ["2"]},
        {"id": 1, "kids": [True]},
        {"id": 1, "kids": [2.0]},
        {"id": 1, "kids": [2**63]},
        {"id": 1, "kids": [None]},
    ],
)
async def test_malformed_items(mocked: aioresponses, value: object) -> None:
    """An answer that breaks the API's rules is neither followed nor asked for again."""
    answer(mocked, "item/1.json", payload=value)

    async with mocked_fetcher() as fetcher:
        with pytest.raises(MalformedItem, match=r"^item/1\.json: "):
            await fetcher.fetch_item(1)

    assert fetcher.fetch_counter == 1


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([1], "the answer is not an object"),
        ({"id": {}}, "an object"),
        ({"id": [1]}, "a list"),
        ({"id": 1, "kids": ["x"]}, "'x' is not an item id"),
        ({"id": 1, "kids": [[2]]}, "a list is not an item id"),
    ],
)
async def test_malformed_item_is_named(mocked: aioresponses, value: object, named: str) -> None:
    """In a word; what is large is not repeated."""
    answer(mocked, "item/1.json", payload=value)

    async with mocked_fetcher() as fetcher:
        with pytest.raises(MalformedItem, match=named):
            await fetcher.fetch_item(1)


async def test_null_is_an_answer(mocked: aioresponses) -> None:
    """There is no such item, or not yet."""
    answer(mocked, "item/1.json", body=b"null")

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch_item(1) is None


async def test_other_fields_are_checked_too(mocked: aioresponses) -> None:
    """A title that is not text is dropped; the count does not depend on it."""
    answer(
        mocked,
        "item/1.json",
        payload={"id": 1, "title": 7, "by": None, "score": "9", "descendants": True, "dead": 1},
    )

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch_item(1) == Item(id=1)


@pytest.mark.parametrize("time", [-1, MAX_TIME + 1, 1e9, "1700000000", True, None])
async def test_time_that_is_none_is_dropped(mocked: aioresponses, time: object) -> None:
    """Dates beyond the calendar would fail where they are shown."""
    answer(mocked, "item/1.json", payload={"id": 1, "time": time})

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch_item(1) == Item(id=1)


@pytest.mark.parametrize("time", [0, MAX_TIME])
async def test_first_and_last_time(mocked: aioresponses, time: int) -> None:
    """What the calendar has is kept."""
    answer(mocked, "item/1.json", payload={"id": 1, "time": time})

    async with mocked_fetcher() as fetcher:
        assert await fetcher.fetch_item(1) == Item(id=1, time=time)


async def test_item_keeps_what_is_used(mocked: aioresponses) -> None:
    """All fields that a report shows."""
    fields = {
        "id": 8863,
        "kids": [9224, 8917],
        "by": "dhouston",
        "title": "My YC app: Dropbox",
        "url": "http://www.getdropbox.com/u/2/screencast.html",
        "score": 111,
        "descendants": 71,
        "time": 1175714200,
        "type": "story",
        "text": "<p>Hello",
    }
    answer(mocked, "item/8863.json", payload={**fields, "unknown": 1})

    async with mocked_fetcher() as fetcher:
        item = await fetcher.fetch_item(8863)

    assert item == Item(**{**fields, "kids": (9224, 8917)})  # type: ignore[arg-type]
