"""
Make long series short: thin them to what a plot can show, and pack them for a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeVar


# Seconds since 1970, and a number.
Point = tuple[int, int]

P = TypeVar("P", bound=tuple[int, int | None])


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """
    Return at most *most* (3 or more) of *points* that look the same when they are drawn.

    They make the largest triangles of three buckets (LTTB): all points between the first and the
    last are put into buckets of equal size, and of each that point is taken which makes the
    largest triangle with the point taken before and the mean of the next bucket. By hand, since
    the packages that do it need numpy. https://hdl.handle.net/1946/15343
    """
    if len(points) <= most:
        return [*points]
    buckets, inner = most - 2, len(points) - 2
    edges = [1 + inner * bucket // buckets for bucket in range(buckets + 1)]
    taken = [points[0]]
    for (start, end), (_, after) in pairwise(pairwise([*edges, len(points)])):
        taken.append(find_largest(points[start:end], taken[-1], mean_point(points[end:after])))
    return [*taken, points[-1]]


def find_largest(bucket: Sequence[Point], a: Point, c: tuple[float, float]) -> Point:
    """
    Return which point of *bucket* makes the largest triangle with *a* and *c*.
    """
    return max(bucket, key=lambda b: triangle(a, b, c))


def mean_point(points: Sequence[Point]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def triangle(a: Point, b: Point, c: tuple[float, float]) -> float:
    """
    Return twice the area of a triangle.
    """
    return abs((a[0] - c[0]) * (b[1] - a[1]) - (a[0] - b[0]) * (c[1] - a[1]))


def drop_repeated(points: Iterable[P]) -> Iterator[P]:
    """
    Yield only the points at which the number is another one.
    """
    return (next(group) for _, group in groupby(points, key=lambda point: point[1]))


def pack(points: Iterable[tuple[int, ...]]) -> list[int]:
    """
    Return *points* as one list, each number as its difference from the one before of its kind.

    Differences have few digits: a series takes a third of the bytes.
    """
    return [*differences(points)]


def differences(points: Iterable[tuple[int, ...]]) -> Iterator[int]:
    last: tuple[int, ...] = ()
    for point in points:
        yield from (
            now - before for now, before in zip(point, last or (0,) * len(point), strict=True)
        )
        last = point
