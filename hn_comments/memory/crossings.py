"""
Which posts have reached which thresholds: each is told once.
"""

from collections.abc import Iterable, Iterator

from ..models import Crossing, PostReport


# Posts and thresholds that are remembered at least: weeks of a front page.
MAX_REACHED = 20_000

Key = tuple[int, str]


class Crossings:
    """
    The thresholds that were reached, each with its post.

    A number of comments is reached once and for all; a number in an hour again, after it fell
    below half. *rearmed* are those that fell so, and that the history still has as reached.
    """

    def __init__(self) -> None:
        self.reached: dict[Key, None] = {}
        self.rearmed: set[Key] = set()
        # Thresholds that are new to the history, and what stood above them: that is no news.
        self.added: set[str] = set()
        self.silent: list[Crossing] = []

    def judge(
        self, stories: Iterable[PostReport], thresholds: Iterable[str], *, known: Iterable[int]
    ) -> Iterator[Crossing]:
        """
        Yield what was reached for the first time; *known* are the posts of earlier runs.
        """
        earlier = {*known}
        for story in stories:
            for threshold in thresholds:
                if not self._reaches(story, threshold):
                    continue
                crossing = Crossing(
                    story=story.id,
                    title=story.item.title if story.item else None,
                    threshold=threshold,
                    comments=story.count.comments if story.count else 0,
                    last_hour=story.last_hour,
                )
                if threshold in self.added and story.id in earlier:
                    self.silent.append(crossing)
                else:
                    yield crossing
        self.added.clear()

    def note(self, key: Key) -> None:
        """
        Note that a post has reached a threshold.
        """
        self.reached[key] = None
        self.rearmed.discard(key)
        if len(self.reached) > MAX_REACHED:
            del self.reached[next(iter(self.reached))]

    def _reaches(self, story: PostReport, threshold: str) -> bool:
        key = story.id, threshold
        number, _, an_hour = threshold.partition("/")
        comments = story.count.comments if story.count else None
        figure = story.last_hour if an_hour else comments
        if figure is None:
            return False
        if key not in self.reached and figure >= int(number):
            self.note(key)
            return True
        # Of a count that is not exact, the figure is only a lower bound.
        below = story.status == "exact" and figure < int(number) / 2
        if an_hour and key in self.reached and below:
            del self.reached[key]
            self.rearmed.add(key)
        return False
