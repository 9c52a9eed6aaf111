"""
A small Hacker News: stories with comment trees of realistic shapes, which grow.

Everything follows from the seed; only *when* the world grows follows from the clock.
`answers` has the API's view of it.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from . import forest, growth, site
from .clocks import Clocks
from .replicas import Replicas


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .forest import Item


FIRST_ID = 40_000_001

# Ids in `updates` at most, as on the real site.
UPDATES = 40


class World:
    """
    What there is: the items, the front page, and what `updates` names; *rate* is its growth.

    It holds the truth. The API's answers are up to *lag* seconds late, and those for `maxitem`
    come from two replicas if they *flap*; see `Replicas`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        stories: int = 30,
        rate: float = 0.0,
        lag: float = 0.0,
        flap: bool = False,
        updates_size: int = UPDATES,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rate = rate
        self.clocks = Clocks(clock, now)
        self.items: dict[int, Item | None] = {}
        self.next_id = FIRST_ID
        self.top: list[int] = []
        # Every comment id below each story; a new comment chooses its parent among them.
        self.threads: dict[int, list[int]] = {}
        # Comments that no parent lists.
        self.unlisted: set[int] = set()
        # Distinct ids in the order of their last change; a dict is an ordered set.
        self.updates: dict[int, None] = {}
        self.updates_size = updates_size
        # Texts and authors of the dead and deleted, for `revive`.
        self.buried: dict[int, Item] = {}
        self.chance = random.Random(seed)
        # A second source, so that the markup of texts does not change which comments there are.
        self.dress = random.Random(f"{seed} texts")
        # Comments a minute that were due since then, and are there.
        self.born = clock()
        self.grown = 0
        # The views of the items that the API gives, which can be late.
        self.replicas = Replicas(self.clocks.moment)
        growth.populate(self, stories)
        growth.spread(self, random.Random(f"{seed} times"))
        # New ones: the first items are old, so that nothing of them is late.
        self.replicas = Replicas(self.clocks.moment, lag=lag, flap=flap, seed=seed)

    @classmethod
    def from_file(cls, path: Path, **settings: Any) -> Self:
        """
        Return the world recorded in a file: `{"top": [ids], "items": {id: item}}`.

        Raises:
            OSError, ValueError: if there is no such file, or it has another form.
        """
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"top", "items"} <= data.keys():
            raise ValueError("it has no 'top' and 'items'")
        world = cls(stories=0, **settings)
        world.items = {int(item_id): item for item_id, item in data["items"].items()}
        world.top = [int(story) for story in data["top"]]
        world.threads = {
            story: [kid for kid in world.walk(story) if world.items.get(kid)] for story in world.top
        }
        world.next_id = max(world.items, default=0) + 1
        return world

    # What there is.
    walk = forest.walk
    root = forest.root
    story_of = forest.story_of
    move = forest.move
    remove = forest.remove
    change = forest.change
    count = forest.count

    # What people do.
    add_story = site.add_story
    add_comment = site.add_comment
    delete = site.delete
    kill = site.kill
    revive = site.revive
    touch = site.touch

    # What happens by itself.
    catch_up = growth.catch_up
    grow = growth.grow
    add_reply = growth.add_reply
