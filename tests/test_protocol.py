"""The messages of the database: what is read from any text, and what is written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_comments.api.protocol import (
    MAX_MESSAGE,
    Answer,
    Frames,
    Goodbye,
    Hello,
    Malformed,
    Push,
    Redirect,
    read_message,
    write_request,
)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("tdrbsapvhqmxcgoe"), inner, max_size=4)
    ),
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"t":"c","d":{"t":"h","d":{"ts":1,"v":"5","h":"x","s":"y"}}}', Hello()),
        ('{"t":"d","d":{"r":7,"b":{"s":"ok","d":[1]}}}', Answer(7, "ok", [1])),
        (
            '{"t":"d","d":{"r":7,"b":{"s":"permission_denied"}}}',
            Answer(7, "permission_denied", None),
        ),
        ('{"t":"d","d":{"a":"d","b":{"p":"/v0/x","d":null}}}', Push("v0/x", None, merged=False)),
        ('{"t":"d","d":{"a":"m","b":{"p":"v0/x","d":{}}}}', Push("v0/x", {}, merged=True)),
        ('{"t":"d","d":{"a":"c","b":{"p":"v0/x"}}}', Goodbye("it says no more of v0/x")),
        ('{"t":"c","d":{"t":"r","d":"host"}}', Redirect("host")),
        ('{"t":"c","d":{"t":"s","d":"why"}}', Goodbye("the server ends it: why")),
        ('{"t":"c","d":{"t":"s","d":5}}', Goodbye("the server ends it: without a reason")),
        ('{"t":"c","d":{"t":"o","d":{}}}', None),
        ('{"t":"d","d":{"a":"sd","b":{"msg":"x"}}}', None),
    ],
)
def test_messages_that_there_are(text: str, message: Any) -> None:
    """Each is one value, or none that we need."""
    assert read_message(text) == message


@given(values)
def test_any_other_value_is_refused_or_harmless(value: Any) -> None:
    """Nothing but `Malformed` is raised, and an answer has a number."""
    try:
        message = read_message(json.dumps(value))
    except Malformed:
        return
    if isinstance(message, Answer):
        assert type(message.number) is int


@given(st.text(max_size=50))
def test_any_other_text_is_refused(text: str) -> None:
    """It is no message."""
    with pytest.raises(Malformed):
        read_message(text)


@given(st.text(min_size=1), st.integers(1, 9))
def test_frames_make_the_message_that_was_cut(text: str, size: int) -> None:
    """However it was cut, and again after that."""
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    frames = Frames()

    for _ in range(2):
        found = [frames.add(part) for part in ("0", str(len(parts)), *parts)]
        assert found == [None] * (len(parts) + 1) + [text]


def test_frames_without_an_end_are_refused() -> None:
    """Before they take the memory."""
    frames = Frames()
    assert frames.add("9999") is None

    for _ in range(100):
        assert frames.add("x" * (MAX_MESSAGE // 100)) is None
    with pytest.raises(Malformed, match="larger than"):
        frames.add("x" * 1000)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("g", {"p": "/v0/maxitem", "q": {}}),
        ("q", {"p": "/v0/maxitem", "h": ""}),
        ("n", {"p": "/v0/maxitem"}),
    ],
)
def test_requests(action: str, body: dict[str, Any]) -> None:
    """They are as Google's library writes them."""
    request = {"t": "d", "d": {"r": 3, "a": action, "b": body}}

    assert json.loads(write_request(3, action, "v0/maxitem")) == request
