"""
The sizes, ages and growth of Hacker News' threads.
"""

import math
import random
from collections.abc import Iterator
from statistics import NormalDist


# Comments under stories of score 100 and more: median 94, and p90 at 269 (Hacker News,
# 2024 and 2025). A log-normal distribution with these two has p99 634 and mean 132.
MEDIAN_COMMENTS = 94
SIGMA = math.log(269 / MEDIAN_COMMENTS) / NormalDist().inv_cdf(0.9)
MAX_COMMENTS = 2500

# One story in seven has a score below 100, and a third of the comments.
SMALL_STORIES = 7
SMALL_SHARE = 1 / 3

# A fifth of all comments reply to the story. The rest reply to any comment before them,
# all equally likely, which leaves 1 / (1 + 0.8) = 56% without a reply.
TOP_LEVEL_SHARE = 0.2

# Shares of all comments in a finished thread.
DELETED_SHARE = 0.03
DEAD_SHARE = 0.03

# Seconds since the posts of a new world were submitted, from and to; and seconds from a post to
# a comment in the mean: most are written in the first hours, ever fewer later.
AGES = 1 * 3600, 24 * 3600
MEAN_DELAY = 3 * 3600

# Events for each new comment: a comment dies, two stories change places, a new story takes
# the place of another on the front page.
DEATH_RATE = 0.03
SWAP_RATE = 0.05
NEW_STORY_RATE = 0.01

# The golden ratio, whose multiples fill [0, 1) evenly: thirty stories have the proportions
# of thousands.
GOLDEN = (math.sqrt(5) - 1) / 2


def draw_sizes(chance: random.Random, stories: int) -> Iterator[tuple[int, int]]:
    """
    Yield the score and the number of comments of each of *stories* stories.
    """
    offset = chance.random()
    for index in range(stories):
        quantile = (offset + index * GOLDEN) % 1
        spread = NormalDist().inv_cdf(min(max(quantile, 1e-6), 1 - 1e-6))
        comments = min(MEDIAN_COMMENTS * math.exp(SIGMA * spread), MAX_COMMENTS)
        score = 100 + round(comments * chance.uniform(0.5, 2.5))
        if index % SMALL_STORIES == SMALL_STORIES - 1:
            comments *= SMALL_SHARE
            score = chance.randint(5, 99)
        yield score, round(comments)


def draw_times(chance: random.Random, comments: int, *, now: int) -> Iterator[int]:
    """
    Yield the time of a post, then those of its comments, the first first.
    """
    age = chance.uniform(*AGES)
    submitted = now - int(age)
    yield submitted
    # An exponential distribution, cut off where it would reach the future.
    most = 1 - math.exp(-age / MEAN_DELAY)
    delays = [-MEAN_DELAY * math.log(1 - most * chance.random()) for _ in range(comments)]
    for delay in sorted(delays):
        yield submitted + int(min(delay, age))
