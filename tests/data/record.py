"""
How `trees.json` was made: five posts that the simulator grew, their texts left out.

`python -m tests.data.record > tests/data/trees.json` makes it anew. It stays as it is when
the simulator changes; what is in it is told by `tests/test_stories.py` and `.ci/run`.
"""

import json
import sys

from hn_comments.simulator import World


# Tall and small ones, and a job.
RANKS = (0, 3, 5, 6, 20)


def main() -> None:
    world = World(seed=1, stories=30, now=lambda: 1_700_000_000)
    top = [world.top[rank] for rank in RANKS]
    items = {item_id: world.items[item_id] for post in top for item_id in [post, *world.walk(post)]}
    # On the real site, too, some comments are null. These count for `descendants` neither way.
    dead = [item_id for item_id, item in items.items() if item and item.get("dead")]
    gone = [item_id for item_id in dead if not (items[item_id] or {}).get("kids")]
    items.update(dict.fromkeys(gone[::4]))
    for item in items.values():
        if item and "text" in item:
            item["text"] = "x"
    recorded = {"top": top, "items": {str(item_id): items[item_id] for item_id in sorted(items)}}
    json.dump(recorded, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
