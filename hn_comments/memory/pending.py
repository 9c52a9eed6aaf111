"""
New ids that are to be asked for, and when: each until it is read, or is given up.

An id that is `null` or unreadable is asked for again at growing distances, since most are there
within seconds; one that never comes must not cost requests for ever.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..errors import FetchLimitExceeded, HNCommentsError


# Seconds for which a new id is asked for.
PENDING_MEMORY = 90.0

# Ids that stayed `null` and are remembered as such; one is asked for once more where it has a
# reply, or where `updates` names it.
GIVEN_UP = 1000


@dataclass(slots=True)
class Wait:
    """
    Since when an id is asked for, when next, and why it could not be read.

    It has *failed* where an answer, and not only the budget, was the problem.
    """

    since: float | None = None
    due: float = 0.0
    error: str | None = None
    failed: bool = False


@dataclass(slots=True)
class Pending:
    """
    The ids that are to be asked for, and those that were *given_up*: whether once more.
    """

    waits: dict[int, Wait] = field(default_factory=dict)
    given_up: dict[int, bool] = field(default_factory=dict)

    def __contains__(self, item_id: object) -> bool:
        """
        Say whether an id was never read, although it may be there.
        """
        return item_id in self.waits or item_id in self.given_up

    def add(self, ids: Iterable[int]) -> None:
        """
        Have *ids* asked for.
        """
        for item_id in ids:
            self.waits.setdefault(item_id, Wait())

    def due(self, now: float) -> set[int]:
        """
        Return the ids that are to be asked for now.
        """
        once_more = (item_id for item_id, hurried in self.given_up.items() if hurried)
        return {item_id for item_id, wait in self.waits.items() if wait.due <= now}.union(once_more)

    def hurry(self, item_id: int) -> None:
        """
        Have an id that was never read asked for at once: it is there by now.
        """
        if item_id in self.waits:
            self.waits[item_id].due = 0.0
        elif item_id in self.given_up:
            self.given_up[item_id] = True

    def has_failed(self, item_id: int) -> bool:
        return item_id in self.waits and self.waits[item_id].failed

    def found(self, item_id: int) -> None:
        """
        Note that an id was read.
        """
        self.waits.pop(item_id, None)
        self.given_up.pop(item_id, None)

    def postpone(self, item_id: int, error: HNCommentsError | None, now: float) -> bool:
        """
        Ask for an id again later; return False where it is given up instead.

        *error* says why it could not be read; None where it is `null`.
        """
        if error is None and item_id not in self.waits:
            self.given_up[item_id] = False
            return True  # It was given up before, and rightly.
        self.given_up.pop(item_id, None)
        wait = self.waits.setdefault(item_id, Wait())
        wait.error = str(error) if error else None
        if isinstance(error, FetchLimitExceeded):
            return True  # It was not even asked for.
        wait.failed = error is not None
        if wait.since is None:
            wait.since = now
        age = now - wait.since
        wait.due = now + max(age, 1.0)
        if age > PENDING_MEMORY:
            self._give_up(item_id)
            return False
        return True

    def drop_above(self, largest: int) -> None:
        """
        Forget the ids above *largest*: there are none.
        """
        for ids in (self.waits, self.given_up):
            for item_id in [item_id for item_id in ids if item_id > largest]:
                ids.pop(item_id)

    def errors(self) -> Iterator[str]:
        """
        Yield why ids could not be read.
        """
        return (wait.error for wait in self.waits.values() if wait.error)

    def _give_up(self, item_id: int) -> None:
        del self.waits[item_id]
        self.given_up[item_id] = False
        if len(self.given_up) > GIVEN_UP:
            del self.given_up[next(iter(self.given_up))]
