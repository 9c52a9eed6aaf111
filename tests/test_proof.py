"""What Hacker News' own number says of a count, without a poll."""

import pytest

from hn_comments.memory import LAG, Proof


HOUR = 3600.0


def proof_of(live: int, *, now: float = 0.0) -> Proof:
    """Return the proof of a post that was walked, and of which both numbers are the same."""
    proof = Proof()
    proof.note(live, now)
    proof.walked(live, drift=0, lately=0, now=now, refresh=24 * HOUR)
    return proof


def walk_because_of(proof: Proof, descendants: int, now: float, *, drift: int = 0) -> str:
    """Read a number twice, walk if it is believed then, and return what the second time said."""
    proof.judge(descendants, lately=0, now=now)
    verdict = proof.judge(descendants, lately=0, now=now)
    if verdict == "wrong":
        proof.walked(descendants, drift=drift, lately=0, now=now, refresh=24 * HOUR)
    return verdict


@pytest.mark.parametrize(
    ("descendants", "lately", "verdict"),
    [(11, 3, "believed"), (11, 1, "doubted"), (9, 3, "doubted")],
)
def test_number_between_two_polls_is_believed(descendants: int, lately: int, verdict: str) -> None:
    """Three comments came one by one, and Hacker News has counted some of them."""
    proof = proof_of(10)
    proof.note(13, now=100)

    assert proof.judge(descendants, lately=lately, now=100) == verdict


def test_number_that_was_right_a_minute_ago_is_believed() -> None:
    """And no longer."""
    proof = proof_of(10)
    proof.note(12, now=100)
    proof.note(12, now=100 + LAG)
    assert proof.judge(10, lately=0, now=100 + LAG) == "believed"

    proof.note(12, now=101 + LAG)

    assert proof.judge(10, lately=0, now=101 + LAG) == "doubted"


def test_walks_in_vain_are_rarer_and_rarer() -> None:
    """A quarter of an hour, half an hour, an hour: before that any number is believed."""
    proof = proof_of(10)
    verdicts = [walk_because_of(proof, 20 + number, 900.0 * number) for number in range(1, 9)]

    walks = [number for number, verdict in enumerate(verdicts, 1) if verdict == "wrong"]
    assert walks == [1, 2, 4, 8]


def test_walk_that_finds_something_ends_the_patience() -> None:
    """After two walks in vain the next would come in an hour; after this one, in a quarter."""
    proof = proof_of(10)
    walk_because_of(proof, 21, HOUR)
    walk_because_of(proof, 22, 2 * HOUR)
    walk_because_of(proof, 23, 3 * HOUR, drift=1)

    assert walk_because_of(proof, 24, 4 * HOUR) == "wrong"
    assert walk_because_of(proof, 25, 4 * HOUR + 899) == "believed"
    assert walk_because_of(proof, 26, 4 * HOUR + 900) == "wrong"


def test_dispute_that_is_over_is_forgotten() -> None:
    """Both numbers were the same once, so a difference is a new one, however large."""
    proof = proof_of(10)
    walk_because_of(proof, 7, HOUR)
    assert proof.disputed
    assert proof.judge(7, lately=0, now=HOUR) == "believed"

    assert proof.judge(10, lately=0, now=2 * HOUR) == "believed"

    assert not proof.disputed
    assert proof.judge(7, lately=0, now=3 * HOUR) == "doubted"


def test_dispute_ends_with_a_walk_that_finds_none() -> None:
    """The number is right again, and memory was wrong."""
    proof = proof_of(10)
    walk_because_of(proof, 7, HOUR)
    proof.note(8, now=2 * HOUR)

    proof.walked(8, drift=2, lately=0, now=2 * HOUR, refresh=24 * HOUR)

    assert not proof.disputed
