"""
Durations as people write them and as they are said: "30s", "5 minutes", "2 days".
"""

import re


# Seconds in each unit, by its names.
UNITS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 24 * 3600),
}

# The units that are said: in a sentence, and where there is little room.
SAID = (("day", "d"), ("hour", "h"), ("minute", "min"), ("second", "s"))


def read_duration(text: str) -> float:
    """
    Return the seconds in "5", "0.5", "30s", "5min", "1h" or "90 s".

    Raises:
        ValueError: with what *text* is not.
    """
    match = re.fullmatch(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?) ?([a-z]*)", text.strip().lower())
    if not match or match[2] not in UNITS:
        raise ValueError("is not a duration such as 5, 0.5, 30s, 5m, 1h or 1d")
    seconds = float(match[1]) * UNITS[match[2]]
    return int(seconds) if seconds.is_integer() else seconds


def describe_duration(seconds: float, *, short: bool = False) -> str:
    """
    Return about how long that is, as in "1 second", "90 seconds", "4 minutes", "25 hours".

    The unit is the largest of which there are two; *short* writes "90 s", "4 min", "25 h".
    """
    name, symbol = next((said for said in SAID if seconds >= 2 * UNITS[said[0]]), SAID[-1])
    # What takes less than a second still takes some time.
    number = max(1, round(seconds / UNITS[name]))
    if short:
        return f"{number} {symbol}"
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
