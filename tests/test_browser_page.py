"""
The live page as people use it, and what a program seldom says: `pytest -m browser`.

Its program is a stand-in here, which says at any moment what a test wants the page to hear.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from .browsing import LISTENS, NONE, PHONE, Open, column, focused, width_of
from .program import Program, comment, details, document, running, story
from .support import HOSTILE


expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser


@pytest.fixture
def program() -> Iterator[Program]:
    stories = [story(number, rank=number) for number in range(1, 6)]
    with running(document(*stories)) as program:
        program.stories = {
            number: details(number, comment(100 + number, number)) for number in range(1, 6)
        }
        yield program


@pytest.fixture
def open_live(open_page: Open) -> Open:
    """Open a live page, and wait until it listens."""

    def open_live(program: Program, **options: Any) -> Any:
        page = open_page(program.url, **options)
        page.wait_for_function(LISTENS)
        return page

    return open_live


def poll_again(program: Program, number: int, **changed: Any) -> None:
    """Publish another poll in which story 3 has changed."""
    stories = [
        {**known, **(changed if known["id"] == 3 else {})} for known in program.document["stories"]
    ]
    program.publish(document(*stories, poll=number))


def test_rows_update_themselves(program: Program, open_live: Open) -> None:
    """The one that changed is marked, for a moment; it stays the same row, with the focus."""
    page = open_live(program)
    button = page.locator("#table .open").nth(2)
    button.focus()
    page.evaluate("document.activeElement.closest('tr').known = true")
    expect(page.locator("#state")).to_contain_text("Poll 1 at")

    poll_again(program, 2, comments=34, new=4, rank=0)

    expect(page.locator("#state")).to_contain_text("Poll 2 at")
    expect(page.locator("tr.changed .open")).to_have_text("Story 3")
    assert column(page, "comments") == ["34", "10", "20", "40", "50"]
    assert column(page, "new") == ["+4", "0", "0", "0", "0"]
    assert focused(page) == "Story 3"
    assert page.evaluate("document.activeElement.closest('tr').known") is True
    expect(page.locator("tr.changed")).to_have_count(0)


def test_nothing_moves_for_those_who_do_not_want_it(program: Program, open_live: Open) -> None:
    """A changed row has another colour, without an animation."""
    page = open_live(program, reduced_motion="reduce")
    expect(page.locator("#table .open")).to_have_count(5)

    poll_again(program, 2, comments=34)

    row = page.locator("tr.changed")
    expect(row).to_have_count(1)
    assert row.evaluate("row => getComputedStyle(row).animationName") == "none"
    transparent = "rgba(0, 0, 0, 0)"
    assert row.evaluate("row => getComputedStyle(row).backgroundColor") != transparent


def test_story_that_leaves_the_list_leaves_the_table(program: Program, open_live: Open) -> None:
    """Open as it may be; a new one comes."""
    page = open_live(program)
    page.locator("#table .open").nth(1).click()
    expect(page.locator(".detail canvas")).to_have_count(3)

    program.publish(document(story(6, rank=1), story(1, rank=2), poll=2))

    expect(page.locator("#table .open")).to_have_text(["Story 6", "Story 1"])
    expect(page.locator(".detail")).to_have_count(0)


def test_open_story_is_kept_up_to_date(program: Program, open_live: Open) -> None:
    """Its figures, plots and comments, with each poll."""
    page = open_live(program)
    page.locator("#table .open").nth(2).click()
    expect(page.locator(".newest .text")).to_have_text(["Comment 103"])
    canvas = page.locator(".detail canvas").first.element_handle()
    new = comment(104, 3, text="</p><img src=x>\nsecond line", parent=103, parent_by="writer")
    program.stories[3] = details(3, new, comment(103, 3))

    poll_again(program, 2, comments=31, new=1)

    expect(page.locator(".newest .text")).to_have_text(
        ["</p><img src=x>\nsecond line", "Comment 103"]
    )
    expect(page.locator(".newest li").first).to_contain_text("in reply to writer")
    expect(page.locator(".detail .count dd").first).to_have_text("31")
    assert page.locator(".detail canvas").first.evaluate("(a, b) => a === b", canvas)
    assert set(program.asked) == {3}
    page.locator(".newest ol").evaluate("list => { list.known = true; list.focus(); }")
    poll_again(program, 3, comments=32, new=1)
    expect(page.locator(".detail .count dd").first).to_have_text("32")
    assert page.evaluate("document.activeElement.known") is True


def test_bar_is_read_to_its_end(program: Program, open_live: Open) -> None:
    """Not only to where the next one is nearer."""
    program.document = document(story(5))
    page = open_live(program)
    page.locator("#table .open").click()
    bars = page.locator(".detail .u-over").nth(1)
    expect(bars).to_be_visible()

    bars.hover(position={"x": int(0.9 * bars.evaluate("bars => bars.clientWidth")), "y": 20})

    expect(page.locator(".detail .readout").nth(1)).to_contain_text("· 30")


def test_counts_that_are_not_exact_say_so(program: Program, open_live: Open) -> None:
    """With the reason, when the story is opened; a dead one says that, too."""
    reason = "item/5.json: HTTP 500"
    program.document = document(
        story(3, rank=1, status="partial", error=reason, state="dead"),
        story(4, rank=2, status="failed", comments=None, error=reason, title=None),
    )
    program.stories[4] = {"id": 4, "curve": [], "hours": [], "ranks": [], "comments": []}

    page = open_live(program)

    expect(page.locator("#table .open")).to_have_text(["[dead] Story 3", "(no title)"])
    assert column(page, "comments") == ["≥ 30", NONE]
    assert column(page, "status") == ["partial", "failed"]
    for number in range(2):
        page.locator("#table .open").nth(number).click()
        expect(page.locator(".detail .why")).to_have_text(reason)


def test_outage_is_said_until_it_is_over(program: Program, open_live: Open) -> None:
    """Since when, how many polls failed, and why; the rows stay."""
    page = open_live(program, timezone_id="UTC")
    expect(page.locator("#table .open")).to_have_count(5)

    program.trouble({"since": "2020-11-25T06:31:00Z", "failures": 2, "error": "HTTP 500"})

    notice = page.locator("#notice")
    expect(notice).to_have_text("No answer since 25 Nov, 06:31: 2 polls failed. HTTP 500")
    expect(page.locator("#table .open")).to_have_count(5)
    program.trouble(None)
    expect(notice).to_have_text("")


def test_program_that_is_gone_and_comes_back(program: Program, open_live: Open) -> None:
    """The page says so, and goes on by itself, with what it has open."""
    with running(program.document) as first:
        page = open_live(first)
        page.locator("#table .open").nth(2).focus()
        poll_again(first, 2, comments=33)
        expect(page.locator("#state")).to_contain_text("Poll 2")
        port = first.port
    expect(page.locator("#notice")).to_contain_text("hn-comments itself has not answered since")

    restarted = {**document(story(3, rank=1)), "started": "2026-11-25T07:00:00Z"}
    with running(restarted, port=port) as second:
        expect(page.locator("#notice")).to_have_text("", timeout=20_000)

        expect(page.locator("#table .open")).to_have_text(["Story 3"])
        expect(page.locator("#state")).to_contain_text("Poll 1")
        assert focused(page) == "Story 3"
        assert "run-2" in second.opened


def test_stream_that_ends_is_no_trouble(program: Program, open_live: Open) -> None:
    """The browser opens another one, and says what it had; people hear nothing of it."""
    page = open_live(program)
    poll_again(program, 2, comments=33)
    expect(page.locator("#state")).to_contain_text("Poll 2")
    page.evaluate(
        "new MutationObserver(() => { window.noticed = true; })"
        ".observe(byId('notice'), { childList: true, subtree: true })"
    )

    program.end_streams()

    page.wait_for_function("() => live.stream.readyState === EventSource.CONNECTING")
    page.wait_for_function(LISTENS)
    assert program.opened == [None, "run-2"]
    assert page.evaluate("window.noticed") is None


def test_refused_stream_is_tried_again(program: Program, open_page: Open) -> None:
    """A browser gives up on an answer that is no stream; the page does not."""
    program.is_full = True
    page = open_page(program.url)
    expect(page.locator("#table .open")).to_have_count(5)

    program.is_full = False

    page.wait_for_function(LISTENS, timeout=20_000)
    assert len(program.opened) >= 2


def test_quiet_stream_is_kept_as_long_as_it_lives(program: Program, open_live: Open) -> None:
    """Polls may be far apart; one without a sign of life is opened anew."""
    page = open_live(program)
    page.evaluate("() => { window.before = live.heard; }")

    program.live()

    page.wait_for_function("() => live.heard > before")
    page.evaluate("lookAround()")
    assert program.opened == [None]
    page.evaluate("() => { live.heard = 0; lookAround(); }")
    page.wait_for_function(LISTENS)
    assert len(program.opened) == 2


def test_hidden_page_hears_nothing(program: Program, open_live: Open) -> None:
    """It closes its stream, and catches up when it is seen again."""
    page = open_live(program)
    change = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, writable: true })")

    page.evaluate(change)
    poll_again(program, 2, comments=33)

    assert page.evaluate("live.stream") is None
    expect(page.locator("#state")).to_contain_text("Poll 1")
    page.evaluate("() => { document.hidden = false; }")
    page.evaluate(change)
    expect(page.locator("#state")).to_contain_text("Poll 2")
    page.wait_for_function(LISTENS)
    assert len(program.opened) == 2


def test_older_answer_changes_nothing(program: Program, open_live: Open) -> None:
    """Two ways lead to the page, and one can be slower."""
    page = open_live(program)
    poll_again(program, 3, comments=33)
    expect(page.locator("#state")).to_contain_text("Poll 3")

    page.evaluate("found => showDocument(found)", document(story(9), poll=2))

    expect(page.locator("#state")).to_contain_text("Poll 3")
    expect(page.locator("#table .open")).to_have_count(5)


def test_page_before_the_first_poll(program: Program, open_live: Open) -> None:
    """It waits, and fills itself."""
    program.document = {**document(), "poll": None}
    page = open_live(program)
    expect(page.locator("#state")).to_have_text("No poll has ended yet")

    program.publish(document(story(1, rank=1)))

    expect(page.locator("#table .open")).to_have_text(["Story 1"])
    expect(page.locator("#state")).to_contain_text("Poll 1")


def test_figures_on_a_phone_have_their_units(program: Program, open_live: Open) -> None:
    """In the singular for one, which may become two."""
    program.document = document(story(3, rank=1, score=1, comments=1, new=1))
    page = open_live(program, viewport=PHONE)

    def units(name: str) -> list[str]:
        content = "cells => cells.map((cell) => getComputedStyle(cell, '::after').content)"
        found: list[str] = page.locator(f"#table td.{name}").evaluate_all(content)
        return found

    expect(page.locator("#table .open")).to_have_count(1)
    one = [units(name) for name in ("score", "comments", "new")]
    poll_again(program, 2, score=2, comments=2)
    expect(page.locator("#state")).to_contain_text("Poll 2")

    assert one == [['" point"'], ['" comment"'], ['" new"']]
    assert [units(name) for name in ("score", "comments")] == [['" points"'], ['" comments"']]


@pytest.mark.parametrize("width", [390, 1000])
def test_nothing_is_wider_than_the_page(program: Program, open_live: Open, width: int) -> None:
    """Neither a title that has no end, nor an author or an address without a space."""
    program.document = document(
        story(3, rank=1, title=HOSTILE, by="y" * 500, url=f"https://{'z' * 60}.example.com/")
    )
    page = open_live(program, viewport={"width": width, "height": 800})
    assert width_of(page) == width
    page.locator("#table .open").click()
    expect(page.locator(".detail canvas")).to_have_count(3)

    assert width_of(page) == width
