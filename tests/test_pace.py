"""
What the pace makes of answers, told to it one by one.
"""

from collections.abc import Callable, Iterable
from itertools import cycle, islice

import pytest

from hn_comments.api.pace import Pace, Refusals


# Seconds from request to answer, and requests a second where nothing is held back.
TRIP = 0.1
FULL = 100

HALF = [True, False]
FIFTH = [True, True, False, True, True]


class Talk:
    """Requests that leave at the pace, and their answers; the true ones are accepted."""

    def __init__(self) -> None:
        self.pace = Pace()
        # When the last request was sent.
        self.now = 0.0
        # Accepted ones since the curve began, and when that was.
        self.accepted = 0
        self.began_at = 0.0

    def tell(self, answers: Iterable[bool], *, asked: bool = True, pause: float = 0) -> None:
        """Send one request for each answer."""
        for accepted in answers:
            rate = self.pace.rate(self.now) or FULL
            self.now = max(self.now + 1 / rate, self.pace.resumed_at)
            if accepted:
                self.accepted += 1
                self.pace.accept(self.now + TRIP, self.now)
            else:
                self.pace.refuse(self.now + TRIP, self.now, asked=asked, pause=pause)

    def tell_until(
        self, end: Callable[[], bool], answers: Iterable[bool], *, asked: bool = True
    ) -> None:
        """Send requests until something is so."""
        for accepted in islice(answers, 1000):
            self.tell([accepted], asked=asked)
            if end():
                return
        pytest.fail("This did not come to an end")

    def prove(self) -> None:
        """Refuse nothing until the rate that is tried is believed."""
        self.tell_until(lambda: not self.pace.trial, cycle([True]))
        self.began_at = self.now + TRIP

    def find_limit(self) -> None:
        """Refuse half of all at full speed, and nothing below it."""
        self.tell([False, False])
        self.tell_until(lambda: self.pace.ceiling is not None, cycle(HALF))
        self.prove()

    def find_again(self, after: float) -> None:
        """Refuse what is sent so many seconds after the curve began."""
        self.wait(after)
        self.tell([False, False])
        self.prove()

    def wait(self, after: float) -> None:
        """Send nothing for so many seconds after the curve began; what is sent then is prompt."""
        self.now = self.began_at + after - 1 / self.rate(after)

    def rate(self, after: float) -> float:
        """Return what is allowed so many seconds after the curve began."""
        rate = self.pace.rate(self.began_at + after)
        assert rate is not None
        return rate

    def share(self, after: float) -> float:
        """Return the same as a share of the ceiling."""
        return self.rate(after) / self.ceiling

    @property
    def ceiling(self) -> float:
        assert self.pace.ceiling is not None
        return self.pace.ceiling


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def limited() -> Talk:
    """One that has found a limit."""
    talk = Talk()
    talk.find_limit()
    return talk


def test_one_refusal_among_fifty_answers_is_chance(talk: Talk) -> None:
    """Two are not; and a block of fifty knows nothing of the one before."""
    talk.tell([*[True] * 49, False, False, *[True] * 49] * 4)
    assert not talk.pace.trial

    talk.tell([False, True, False])
    assert talk.pace.trial


def test_one_refusal_that_names_a_time_is_certain(talk: Talk) -> None:
    """No second one is needed, and nothing is to be sent until then."""
    talk.tell([True, False], pause=2)

    assert talk.pace.trial
    assert talk.pace.resumed_at == pytest.approx(talk.now + TRIP + 2)


def test_what_was_accepted_is_tried_a_little_below(talk: Talk) -> None:
    """Measured at full speed since the refusal that raised the alarm."""
    talk.tell([False, False])
    since = talk.now
    talk.tell_until(lambda: talk.pace.ceiling is not None, cycle(HALF))
    measured = talk.accepted / (talk.now - since)
    talk.tell([True] * 3)

    assert talk.ceiling == pytest.approx(measured)
    assert talk.pace.rate(talk.now) == pytest.approx(0.85 * talk.ceiling)


def test_rate_follows_the_curve_of_cubic(limited: Talk) -> None:
    """From 0.85 to the ceiling in two seconds, a plateau, then ever faster."""
    shares = [limited.share(seconds) for seconds in (0, 1, 2, 3, 4, 6)]

    assert shares == pytest.approx([0.85, 1 - 0.15 / 8, 1, 1 + 0.15 / 8, 1.15, 1 + 0.15 * 8])


def test_plateau_grows_while_the_same_ceiling_is_found(limited: Talk) -> None:
    """Twice as long each time, up to 20 seconds; the search above it takes no longer than six."""
    for plateau in (2, 4, 8, 16, 20, 20):
        assert limited.share(plateau) == pytest.approx(1)
        assert limited.share(plateau + min(plateau, 6)) == pytest.approx(1.15)
        limited.find_again(plateau + 1)


def test_plateau_is_short_after_another_ceiling(limited: Talk) -> None:
    """One that was found far above the last."""
    limited.find_again(2 + 1)
    assert limited.share(4) == pytest.approx(1)

    limited.find_again(4 + 4 + 2)
    assert limited.share(2) == pytest.approx(1)


def test_answers_to_what_was_under_way_are_no_news(limited: Talk) -> None:
    """One cut is made for all of them."""
    ceiling = limited.ceiling
    sent_at = limited.began_at + 3
    for _ in range(20):
        limited.pace.refuse(sent_at + TRIP, sent_at, asked=True)
    limited.now = sent_at + TRIP

    limited.prove()

    assert limited.ceiling == pytest.approx(ceiling, rel=0.01)


def test_ceiling_is_the_rate_of_a_second_before_the_refusal(limited: Talk) -> None:
    """A bucket takes a while to run dry."""
    ceiling = limited.ceiling

    limited.find_again(4 + 1)

    assert limited.ceiling == pytest.approx(1.15 * ceiling, rel=0.01)


def test_silence_is_asked_ever_more_slowly(limited: Talk) -> None:
    """A round trip at first, then as long as it has lasted, eight seconds at most."""
    limited.wait(3)
    limited.tell([False, False])
    cut_at = limited.now + TRIP

    rates = [limited.pace.rate(cut_at + seconds) for seconds in (0, 0.5, 4, 30)]

    assert limited.pace.silent
    assert rates == pytest.approx([10, 2, 1 / 4, 1 / 8])


def test_silence_is_not_asked_faster_than_the_rate_that_is_tried() -> None:
    """However short a round trip is."""
    pace = Pace()
    pace.ceiling = 2.0
    for _ in range(2):
        pace.refuse(3.01, 3.0, asked=True)

    assert pace.silent
    assert pace.rate(3.02) == pytest.approx(0.85 * 2.0)


def test_silence_counts_for_a_window(limited: Talk) -> None:
    """A minute's allowance was used up in some seconds: the rate is that of the minute."""
    limited.find_again(3)
    since = limited.now
    limited.accepted = 0
    limited.tell([True] * 100)
    limited.tell([False, False])
    limited.now += 30
    limited.tell([True])

    assert not limited.pace.silent
    assert limited.ceiling == pytest.approx(100 / (limited.now - since), rel=0.5)
    assert limited.ceiling < 5


def test_outage_says_nothing_of_the_rate(limited: Talk) -> None:
    """After 90 seconds without an answer, the server is as good as new."""
    limited.wait(3)
    limited.tell([False, False])
    limited.now += 91
    limited.tell([True])

    assert limited.pace.rate(limited.now) is None


def test_limit_that_refuses_a_smaller_share_is_tried_further(talk: Talk) -> None:
    """Half of all at first, a fifth then: slower has helped, so slower still."""
    talk.tell([False, False])
    talk.tell_until(lambda: talk.pace.ceiling is not None, cycle(HALF))
    talk.tell([True])
    tried = talk.ceiling
    talk.tell_until(lambda: talk.ceiling < tried, cycle(HALF))
    talk.tell([True])
    tried = talk.ceiling
    talk.tell_until(lambda: talk.ceiling < tried, cycle(FIFTH))

    assert talk.pace.trial


def find_weather(talk: Talk, *, asked: bool = False) -> None:
    """Refuse a fifth of all, however slowly it is sent."""
    talk.tell([False, False], asked=asked)
    talk.tell_until(lambda: not talk.pace.trial, cycle(FIFTH), asked=asked)


@pytest.mark.parametrize("asked", [True, False])
def test_refusals_that_stay_the_same_are_weather(talk: Talk, *, asked: bool) -> None:
    """All speed is given back, and the same share is no news."""
    find_weather(talk, asked=asked)
    assert talk.pace.rate(talk.now) is None

    talk.tell(FIFTH * 190, asked=asked)

    assert talk.pace.rate(talk.now) is None


def test_weather_that_names_a_time_is_no_limit_either(talk: Talk) -> None:
    """Once known, one refusal is not certain any more."""
    find_weather(talk, asked=True)

    talk.tell([False], pause=1)

    assert not talk.pace.trial


def test_weather_gives_back_the_ceiling_that_was_known(limited: Talk) -> None:
    """And the plateau: bare 503s do not cost the speed that a 429 has taught."""
    ceiling = limited.ceiling
    limited.wait(2)

    find_weather(limited)

    assert limited.ceiling == ceiling
    assert limited.pace.rate(limited.now + TRIP) == pytest.approx(ceiling)


def test_weather_that_becomes_worse_is_tried_again(talk: Talk) -> None:
    """From a fifth to two thirds."""
    find_weather(talk)

    talk.tell([True, False, False] * 16, asked=False)

    assert talk.pace.trial


def test_weather_is_forgotten_after_a_thousand_answers(talk: Talk) -> None:
    """Then the same share must prove once more that it is no limit."""
    find_weather(talk)

    talk.tell(FIFTH * 210, asked=False)

    assert talk.pace.trial


def test_kinds_are_judged_by_themselves(limited: Talk) -> None:
    """That bare 503s are weather excuses no 429."""
    find_weather(limited)

    limited.tell([True, False, True, False], asked=True)

    assert limited.pace.trial


def test_share_that_grows_at_a_lower_rate_is_not_weather(talk: Talk) -> None:
    """The limit has fallen meanwhile, so what is accepted is tried."""
    talk.tell([False, False])
    talk.tell_until(lambda: talk.pace.ceiling is not None, cycle(FIFTH))
    talk.tell([True])
    tried = talk.ceiling
    talk.tell_until(lambda: talk.ceiling < tried, cycle(FIFTH))
    talk.tell([True])
    tried = talk.ceiling

    talk.tell_until(
        lambda: not talk.pace.trial or talk.ceiling < tried, cycle([True, False, False])
    )

    assert talk.pace.trial


@pytest.mark.parametrize(
    ("before", "share", "persists"),
    [
        (0.2, 0.09, False),
        (0.2, 0.11, True),
        (0.2, 0.39, True),
        (0.2, 0.41, False),
        (0.8, 0.71, True),
        # Three accepted of ten, not two: that is half as many again.
        (0.8, 0.69, False),
    ],
)
def test_weather_is_a_share_that_stays_much_the_same(
    before: float,
    share: float,
    persists: bool,  # noqa: FBT001
) -> None:
    """Neither half nor double of what was refused, nor half as much again of what was accepted."""
    refusals = Refusals()
    refusals.before = before
    refusals.count = int(100 * share)

    assert refusals.persist(100) == persists


def test_weather_of_one_kind_does_not_excuse_the_other(talk: Talk) -> None:
    """A limit beside random 503s: 429s that grow fewer are no weather, though the 503s stay."""
    talk.tell([False, False])
    # Each is a trial; the first is too short to be compared with.
    for refused in (3, 3, 1):
        ceiling = talk.pace.ceiling
        talk.tell([True])
        answers = cycle(["accepted"] * (7 - refused) + ["429"] * refused + ["503"] * 3)
        while talk.pace.trial and talk.pace.ceiling == ceiling:
            answer = next(answers)
            talk.tell([answer == "accepted"], asked=answer == "429")

    assert talk.pace.trial


def test_one_refusal_that_names_a_time_is_chance_in_a_trial(limited: Talk) -> None:
    """The rate that is tried stays."""
    limited.wait(3)
    limited.tell([False, False])
    limited.tell([True])
    tried = limited.ceiling

    limited.tell([False], pause=1)
    limited.prove()

    assert limited.ceiling == tried


def test_late_refusals_do_not_spoil_the_trial(limited: Talk) -> None:
    """They answer what was sent before the cut."""
    limited.wait(3)
    limited.tell([False, False])
    limited.tell([True])
    tried = limited.ceiling
    for _ in range(9):
        limited.pace.refuse(limited.now, limited.began_at + 3, asked=True)

    limited.prove()

    assert limited.ceiling == tried


def test_ceiling_stays_near_when_the_alarm_comes_at_once(limited: Talk) -> None:
    """Not less than 0.85 of it."""
    ceiling = limited.ceiling

    limited.find_again(0.3)

    assert limited.ceiling == pytest.approx(0.85 * ceiling)


def test_few_answers_prove_nothing(limited: Talk) -> None:
    """At one request a second, the least there is, a trial takes ten."""
    limited.wait(3)
    limited.tell([False, False])
    limited.now += 80
    limited.tell([True])
    assert limited.ceiling == 1

    limited.tell([True] * 8)
    assert limited.pace.trial

    limited.tell([True] * 2)
    assert not limited.pace.trial


def test_trial_has_as_many_answers_as_the_one_before(limited: Talk) -> None:
    """Otherwise their shares could not be compared."""
    limited.wait(3)
    limited.tell([False, False])
    limited.tell([True])
    tried, start = limited.ceiling, limited.accepted
    limited.tell_until(lambda: limited.ceiling < tried, cycle([*[True] * 9, False]))
    before = limited.accepted

    limited.prove()

    # Some of those before were refused, and none of these.
    assert limited.accepted - before > before - start
