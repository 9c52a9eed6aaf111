"""
Who watches the watcher: each report, row and notice is compared with the site's own figures.

What is wrong is collected, not raised, so that a long test ends with all of it and its figures.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hn_comments import Notice, PollReport, PostReport
from hn_comments.models import utc_time

from .hurried import date_of
from .site import DAY, RATE, Site


# Problems that are described; one more fault would only repeat them.
MAX_PROBLEMS = 30


class Rows:
    """Reads what is appended to a file, and rotates it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def take(self) -> list[dict[str, Any]]:
        """Return the rows that are new."""
        with self.path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return [json.loads(line) for line in data.decode().splitlines()]

    def rotate(self, *, truncate: bool) -> None:
        """Do what logrotate does, with `copytruncate` or without."""
        if truncate:
            self.path.write_bytes(b"")
        else:
            self.path.replace(f"{self.path}.1")
        self._read = 0


class Judge:
    """
    Compares what is said with what is true.

    *found* has, for each untold change, the seconds until the count was right again.
    """

    def __init__(self, site: Site, thresholds: tuple[str, ...], log: Path) -> None:
        self.site = site
        self.log = log
        self.thresholds = thresholds
        self.counted: Counter[str] = Counter()
        self.problems: list[str] = []
        self.found: list[float] = []
        # Since when the count of a story is not what is true, although it may be.
        self.wrong_since: dict[int, float] = {}
        # What the reader was told last of each story, and which comments.
        self.last_told: dict[int, int] = {}
        self.comments: set[int] = set()
        self.twice: set[int] = set()
        # Crossings that have to be told, and comments and crossings that a receiver took.
        self.expected: Counter[tuple[int, str]] = Counter()
        self.reached: set[tuple[int, str]] = set()
        self.taken: Counter[tuple[int, str]] = Counter()
        self.comments_taken: Counter[int] = Counter()

    def complain(self, problem: str) -> None:
        """Note that something is wrong."""
        self.counted["problems"] += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{date_of(self.site.machine.now)}: {problem}")
            with self.log.open("a") as file:
                file.write(f"{self.problems[-1]}\n")

    def judge(self, report: PollReport, rows: list[dict[str, Any]]) -> None:
        """Compare a report and its rows with the truth."""
        self.counted["polls"] += 1
        self.counted[report.status] += 1
        for story in report.stories:
            self._judge_story(story)
            for threshold in self.thresholds:
                self._expect(story, threshold)
        for story_id in self.wrong_since.keys() - {story.id for story in report.stories}:
            self.counted["left while wrong"] += 1
            del self.wrong_since[story_id]
        self._compare(report, rows)

    def _judge_story(self, story: PostReport) -> None:
        self.counted["counts"] += 1
        if story.count is None:
            return
        true, count = self.site.figures(story.id), story.count
        moved = story.id in self.site.moved
        if story.status != "exact":
            self.counted["counts at least"] += 1
            if not moved and count.comments > true.most:
                self.complain(f"{story.id}: at least {count.comments}, of {true}")
            return
        right = true.least <= count.comments <= true.most
        if not right and not moved:
            self.complain(f"{story.id}: exactly {count.comments}, of {true}")
        if not right or not true.least_live <= count.live <= true.most_live:
            self.wrong_since.setdefault(story.id, self.site.machine.now)
            return
        self.counted["counts right"] += 1
        if true.least == true.most and true.least_live == true.most_live:
            # Else one too many may be taken for one that was not told yet.
            self.site.moved.discard(story.id)
        if story.id in self.wrong_since:
            self.found.append(self.site.machine.now - self.wrong_since.pop(story.id))

    def _expect(self, story: PostReport, threshold: str) -> None:
        """Note whether the receivers have to be told of a threshold."""
        key = story.id, threshold
        number, _, an_hour = threshold.partition("/")
        comments = story.count.comments if story.count else None
        figure = story.last_hour if an_hour else comments
        if figure is None:
            return
        if key not in self.reached and figure >= int(number):
            self.reached.add(key)
            self.expected[key] += 1
        elif an_hour and story.status == "exact" and figure < int(number) / 2:
            self.reached.discard(key)

    def _compare(self, report: PollReport, rows: list[dict[str, Any]]) -> None:
        """Compare the rows of the output with the report that they are about."""
        kinds = Counter(row["type"] for row in rows)
        wanted = Counter(story=len(report.stories), comment=len(report.comments), poll=1)
        if kinds != +wanted or rows[-1]["poll"] != report.poll:
            self.complain(f"poll {report.poll}: rows are {kinds}, not {wanted}")
            return
        if rows[-1]["time"] != utc_time(report.started) or rows[-1]["status"] != report.status:
            self.complain(f"poll {report.poll}: {rows[-1]}")
        stories = [row for row in rows if row["type"] == "story"]
        for story, row in zip(report.stories, stories, strict=True):
            self._compare_row(story, row)
        for row in rows:
            if row["type"] == "comment":
                self._hear(row)

    def _compare_row(self, story: PostReport, row: dict[str, Any]) -> None:
        comments = story.count.comments if story.count else None
        if (row["id"], row["comments"], row["status"]) != (story.id, comments, story.status):
            self.complain(f"{story} is not {row}")
        if story.status != "exact" or comments is None:
            return
        told = self.last_told.get(story.id)
        if row["new"] != (None if told is None else comments - told):
            self.complain(f"{story.id}: new is {row['new']}, after {told} and {comments}")
        self.last_told[story.id] = comments

    def _hear(self, row: dict[str, Any]) -> None:
        if row["id"] in self.comments and self.site.was_moved(row["id"]):
            # It is new where it is now.
            self.twice.add(row["id"])
        elif row["id"] in self.comments:
            self.complain(f"comment {row} was told twice")
        self.comments.add(row["id"])

    def take(self, notice: Notice) -> None:
        """Be told, as a receiver."""
        self.counted["notices"] += 1
        for crossing in notice.crossings:
            self.taken[crossing.story, crossing.threshold] += 1
        self.comments_taken.update(comment.item.id for comment in notice.comments)

    def end(self) -> None:
        """Compare what was told in all."""
        if self.taken != self.expected:
            self.complain(f"not told: {self.expected - self.taken}")
            self.complain(f"told too often: {self.taken - self.expected}")
        self._compare_comments(self.site.world.next_id)

    def forget(self) -> None:
        """Compare what was told of the comments before yesterday, and forget it."""
        self._compare_comments(self.site.world.next_id - int(2 * DAY / 60 * RATE))

    def _compare_comments(self, end: int) -> None:
        """Compare which comments before the id *end* the reader was told, and the receivers."""
        told = {comment for comment in self.comments if comment < end}
        taken = {comment for comment in self.comments_taken if comment < end}
        if missing := told - taken:
            self.complain(f"the receivers were not told {missing}")
        if more := taken - told:
            self.complain(f"the receivers alone were told {more}")
        if twice := {i for i in taken if self.comments_taken[i] > 1} - self.twice:
            self.complain(f"the receivers were told twice {twice}")
        self.counted["comments"] += len(told)
        self.comments -= told
        for comment in taken:
            del self.comments_taken[comment]
