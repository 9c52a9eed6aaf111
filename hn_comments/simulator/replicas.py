"""
Replicas that lag behind, and lists that are written later, as those of the real API.

A world itself changes at once. `answers` asks here for its answers, which can be late.
"""

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar


Item = dict[str, Any]

# An entry begins with the moment until which it matters.
Entry = TypeVar("Entry", bound=tuple[Any, ...])

# Ids by which the late replica's `maxitem` is behind, at most.
MAX_BEHIND = 3


class Replicas:
    """
    The views that the API gives of a world, each up to *lag* seconds old.

    A parent lists a new comment up to *lag* seconds after the comment can be read, and a
    story's `descendants` counts it as late. Half of the answers for items are fresh, the
    others up to *lag* seconds old. So 2 * *lag* seconds after the last change every answer
    is the truth. With *flap*, half of the answers for `maxitem` are a few ids behind.

    Delays and ages follow from the seed; ages also from the order of the requests.
    """

    def __init__(
        self,
        moment: Callable[[], float],
        *,
        lag: float = 0.0,
        flap: bool = False,
        seed: int = 0,
    ) -> None:
        self.lag = lag
        self.flap = flap
        self._moment = moment
        self._delays = random.Random(f"{seed} delays")
        self._ages = random.Random(f"{seed} ages")
        # The former states of each item: until when, and the item.
        self._past: dict[int, list[tuple[float, Item | None]]] = {}
        # The comments that each parent does not list yet: until when, and the comment.
        self._late_kids: dict[int, list[tuple[float, int]]] = {}
        # The changes of `descendants` that each story does not show yet: until, since, by.
        self._late_counts: dict[int, list[tuple[float, float, int]]] = {}

    def remember(self, item_id: int, item: Item | None) -> None:
        """
        Keep a copy of *item* for old answers; call this before each change.
        """
        if self.lag:
            self._recent(self._past, item_id).append((self._moment(), deepcopy(item)))

    def list_late(self, parent: int, kid: int) -> None:
        """
        Hide *kid* from the `kids` of *parent* for up to *lag* seconds.
        """
        if self.lag:
            self._recent(self._late_kids, parent).append((self._soon(), kid))

    def count_late(self, story: int, number: int) -> None:
        """
        Hide a change by *number* from a story's `descendants` for up to *lag* seconds.
        """
        if self.lag:
            entry = (self._soon(), self._moment(), number)
            self._recent(self._late_counts, story).append(entry)

    def view(self, item_id: int, item: Item | None) -> Item | None:
        """
        Return *item* as one of the replicas shows it: itself if none lags, else a copy.
        """
        if not self.lag:
            return item
        then = self._moment() - max(0.0, self._ages.uniform(-self.lag, self.lag))
        shown = next((was for until, was in self._past.get(item_id, ()) if until > then), item)
        return shown and self._without_late(item_id, shown, then)

    def maxitem(self, largest: int) -> int:
        """
        Return *largest* as one of the replicas shows it.
        """
        if self.flap and self._ages.random() < 1 / 2:
            return max(0, largest - self._ages.randint(1, MAX_BEHIND))
        return largest

    def _without_late(self, item_id: int, item: Item, then: float) -> Item:
        hidden = {kid for until, kid in self._late_kids.get(item_id, ()) if then < until}
        uncounted = sum(
            number for until, since, number in self._late_counts.get(item_id, ())
            if since <= then < until
        )  # fmt: skip
        shown = dict(item)
        if "kids" in shown:
            shown["kids"] = [kid for kid in item["kids"] if kid not in hidden]
        if uncounted and "descendants" in shown:
            shown["descendants"] -= uncounted
        return shown

    def _soon(self) -> float:
        return self._moment() + self._delays.uniform(0, self.lag)

    def _recent(self, entries: dict[int, list[Entry]], item_id: int) -> list[Entry]:
        """
        Return the entries of an item that the oldest possible answer still needs.
        """
        oldest = self._moment() - self.lag
        recent = [entry for entry in entries.get(item_id, ()) if entry[0] > oldest]
        entries[item_id] = recent
        return recent
