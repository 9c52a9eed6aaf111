"""Settings check themselves, for library users too."""

import math
import pickle
from typing import Any

import pytest

from hn_comments import BadSetting, Settings
from hn_comments.settings import CONTRADICTIONS, NEED_A_PAST, OPTIONS


def test_rules_are_about_settings() -> None:
    """A name that is spelled wrong would refuse nothing."""
    named = {name.split()[0] for pair in CONTRADICTIONS for name in pair}

    assert {*named, *NEED_A_PAST} <= OPTIONS.keys()


@pytest.mark.parametrize("field", sorted(OPTIONS))
@pytest.mark.parametrize("value", [(), [8863], b"top", 1j, object])
def test_wrong_type(field: str, value: Any) -> None:
    """A wrong type is a ValueError with a sentence."""
    if value == () and OPTIONS[field].kind.what.startswith("a tuple"):
        return

    with pytest.raises(BadSetting, match=f"`{field}` must be ") as caught:
        Settings(**{field: value})

    assert isinstance(caught.value, ValueError)
    assert caught.value.field == field
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"period": -1}, "`period` must be more than 0, not -1"),
        ({"period": math.nan}, "`period` must be a number of seconds, not nan"),
        ({"period": math.inf}, "`period` must be a year at most (31536000 seconds), not inf"),
        ({"period": None}, "`period` must be a number of seconds, not None"),
        ({"period": True}, "`period` must be a number of seconds, not True"),
        ({"fetch_timeout": 10**5000}, "`fetch_timeout` must be a year at most"),
        ({"follow": -0.5}, "`follow` must be more than 0, not -0.5"),
        ({"stories": "foo"}, "`stories` must be one of top, new, best, ask, show, job, not 'foo'"),
        ({"limit": 0}, "`limit` must be a whole number from 1 to 500, not 0"),
        ({"limit": 2.0}, "`limit` must be a whole number"),
        ({"retries": True}, "`retries` must be a whole number"),
        ({"posts": (8863, 0)}, "`posts` must be item ids, not 0"),
        ({"api_url": "x" * 500}, f"not '{'x' * 59}..."),
        ({"api_url": "http://127.0.0.1/"}, "`api_url` must not end with a slash"),
        ({"history": "a\0b"}, "`history` must be the name of a file"),
        ({"posts": (8863,), "limit": 3}, "`limit` is not allowed with `posts`"),
        ({"full_walk": True, "refresh": 60}, "`refresh` is not allowed with `full_walk`"),
        ({"quiet": True, "verbose": True}, "`verbose` is not allowed with `quiet`"),
        ({"polls": 1, "comments": True}, "`comments` has no effect in a single poll without `h"),
        ({"notify": ("json://a",)}, "`notify` has no effect without `threshold` or `comments`"),
        ({"notify_command": "true", "history": "hn.db"}, "`notify_command` has no effect without"),
        ({"live": True, "format": "csv"}, "`live` is not allowed with `format` csv"),
        ({"demo": True, "api_url": "http://a"}, "`api_url` is not allowed with `demo`"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], sentence: str) -> None:
    """Values out of range, unknown, or contradictory."""
    with pytest.raises(BadSetting) as caught:
        Settings(**settings)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"period": 1, "follow": 0, "poll_timeout": 0.5, "polls": None},
        {"posts": (1, 10**18), "limit": 5, "stories": "top"},
        {"polls": 1, "comments": True, "changes_only": True, "history": "hn.db"},
        {"notify": ("json://a",), "threshold": ("60/h",)},
        {"notify": ("json://a",), "notify_command": "true", "comments": True},
        {"notify_command": "true", "notify_test": True},
        {"api_url": "http://[::1]:8080/v0"},
        {"api_url": "https://api_1.example.:1/~a/%20b;c"},
        {"api_url": "http://xn--bcher-kva.example"},
    ],
)
def test_what_is_allowed(settings: dict[str, Any]) -> None:
    """The ends of the ranges, and pairs that only look contradictory."""
    chosen = Settings(**settings)

    assert {name: getattr(chosen, name) for name in settings} == settings
