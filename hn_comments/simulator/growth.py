"""
How a world comes to be, and how it grows. The functions are methods of `World`.
"""

import random

from .proportions import (
    DEAD_SHARE,
    DEATH_RATE,
    DELETED_SHARE,
    NEW_STORY_RATE,
    SWAP_RATE,
    TOP_LEVEL_SHARE,
    draw_sizes,
    draw_times,
)


# A type checker takes this for typing.TYPE_CHECKING: `world` imports this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


def catch_up(world: "World") -> None:
    """
    Make all events up to now happen, each at the moment when it was due.
    """
    age = world.clocks.moment() - world.born
    due = int(age * world.rate / 60)
    while world.grown < due:
        world.grown += 1
        world.clocks.ago = age - world.grown * 60 / world.rate
        world.grow()
    world.clocks.ago = 0.0


def grow(world: "World") -> None:
    """
    Add one comment somewhere on the front page; sometimes also kill, swap or submit.
    """
    if not world.top:
        return
    chance = world.chance.random
    # Stories higher on the page get more comments.
    rank = int(len(world.top) * chance() ** 1.5)
    story = world.top[rank]
    if story in world.threads:
        world.add_reply(story)
        if chance() < DEATH_RATE:
            (world.kill if chance() < 1 / 2 else world.delete)(
                world.chance.choice(world.threads[story])
            )
    if chance() < SWAP_RATE and rank:
        world.top[rank - 1], world.top[rank] = world.top[rank], world.top[rank - 1]
    if chance() < NEW_STORY_RATE:
        world.top[rank] = world.add_story(score=1)


def add_reply(world: "World", story: int) -> int:
    """
    Add a comment at a place that keeps the proportions of real threads; return its id.
    """
    thread = world.threads[story]
    top_level = not thread or world.chance.random() < TOP_LEVEL_SHARE
    return world.add_comment(story if top_level else world.chance.choice(thread))


def populate(world: "World", stories: int) -> None:
    """
    Add finished threads, their comments in a random order as if written at once.
    """
    replies: list[int] = []
    for score, comments in draw_sizes(world.chance, stories):
        story = world.add_story(score=score)
        world.top.append(story)
        replies += [story] * comments
    world.chance.shuffle(world.top)
    for position in range(20, stories, 30):
        world.top[position] = world.add_story(score=1, kind="job")

    world.chance.shuffle(replies)
    for story in replies:
        comment = world.add_reply(story)
        chance = world.chance.random()
        if chance < DELETED_SHARE:
            world.delete(comment)
        elif chance < DELETED_SHARE + DEAD_SHARE:
            world.kill(comment)


def spread(world: "World", chance: random.Random) -> None:
    """
    Spread the times of all items over the past hours.
    """
    now = world.clocks.time()
    for post_id in [post for post in world.items if world.root(post) == post]:
        # A reply has a larger id than its parent, so it gets no earlier time.
        written = [post_id, *world.threads.get(post_id, [])]
        for item_id, when in zip(
            written, draw_times(chance, len(written) - 1, now=now), strict=True
        ):
            world.change(item_id)["time"] = when
