"""
The live page as people use it: a real browser, the real command, a world that changes.

Run with `pytest -m browser`. HN_COMMENTS_TESTS_AXE names a file of axe-core (npm), which looks
for accessibility faults.
"""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hn_comments.simulator import RunningSimulator, World

from .browsing import (
    BETRAYED,
    LISTENS,
    PHONE,
    SHORT,
    Open,
    check_accessibility,
    column,
    focused,
    numbers,
    serving,
    simulating,
    width_of,
)
from .support import COMMAND, MS, front_page


expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

# A story's plots in the page, as they are drawn: times and numbers.
DRAWN = "Object.fromEntries(Object.entries(openedStory.drawn).map(([k, p]) => [k, p.values]))"

# The title of a story, in HTML as the API has it: tags, marks that turn text around, and no end.
HOSTILE = (
    f"&lt;img src=x onerror={BETRAYED}&gt;<img src=x onerror={BETRAYED}>"
    "</script><script>" + BETRAYED + "</script> \u202egnp.exe\u2069\u200f " + "x" * 10_000
)


@pytest.fixture
def api() -> Iterator[RunningSimulator]:
    """Run a small front page, on which nothing happens by itself."""
    with simulating(front_page(40, 9, 3)) as simulator:
        yield simulator


def add_comment(api: RunningSimulator, story: int, **fields: Any) -> int:
    """Write a comment on a story, and return its id."""

    def write() -> int:
        comment = api.world.add_comment(story)
        item = api.world.items[comment]
        assert item is not None
        item.update(fields)
        return comment

    return api.call(write)


def change(api: RunningSimulator, story: int, **fields: Any) -> None:
    """Change a story itself, as its author may."""

    def change() -> None:
        api.world.change(story).update(fields)
        api.world.touch(story)

    api.call(change)


def latest(url: str) -> Any:
    with urllib.request.urlopen(f"{url}latest.json") as answer:  # noqa: S310 - loopback
        return json.load(answer)


def open_story(page: Any, row: int = 0, plots: int = 3) -> None:
    """Open a story, and wait until it is drawn."""
    page.locator("#table .open").nth(row).click()
    expect(page.locator(".detail canvas")).to_have_count(plots)


def test_rows_update_while_polls_go_on(api: RunningSimulator, open_page: Open) -> None:
    """By one stream, which says it all; a row that changed stays the same element."""
    story = api.world.top[1]
    with serving(api, *SHORT) as served:
        page = open_page("about:blank")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served.url)
        row = page.locator(f"#table [data-id='{story}']")
        expect(row.locator(".comments")).to_have_text("9")
        row.locator(".open").focus()
        row.evaluate("row => { row.known = true; }")
        for comments in (10, 11):
            before = len(asked)

            add_comment(api, story)

            expect(row.locator(".comments")).to_have_text(str(comments))
            # Polls bring more than that: they were not asked for.
            assert len(asked) == before
        # Within three polls the row is marked no more, while others go on.
        expect(page.locator("tr.changed")).to_have_count(0)
        assert page.evaluate("document.activeElement.closest('tr').known") is True
        assert column(page, "comments") == ["40", "11", "3"]
    assert all(url.startswith((served.url, "data:")) for url in asked)
    assert sum(url.endswith("/events") for url in asked) == 1


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "history"])
def test_story_opens_to_its_whole_life(
    api: RunningSimulator, open_page: Open, tmp_path: Path, *, kept: bool
) -> None:
    """Its curve from its birth on, comments an hour, its ranks, its newest comments."""
    options = ("--history", str(tmp_path / "h.db")) if kept else ()
    story = api.world.top[0]
    born = api.world.items[story]["time"]  # type: ignore[index]
    with serving(api, "--comments", *SHORT, *options) as served:
        page = open_page(served.url)
        open_story(page)
        newest = page.locator(".newest li")
        expect(newest).to_have_count(20)
        add_comment(api, story, text="Tea &amp; <i>biscuits</i>", by="somebody")
        expect(newest.first.locator(".text")).to_have_text("Tea & biscuits")
        expect(newest.first.locator(".by")).to_have_text("somebody")
        expect(page.locator(".detail .count dd").first).to_have_text("41")

        drawn = page.evaluate(DRAWN)

        api.call(api.world.top.reverse)
        expect(page.locator(f"[data-id='{story}'] .rank")).to_have_text("3")
        page.wait_for_function(f"() => {DRAWN}.ranks[1].at(-1) === 3")
    assert [drawn["curve"][0][0], drawn["curve"][1][0]] == [born, 0]
    assert drawn["curve"][1][-1] == sum(drawn["hours"][1]) == 41
    assert drawn["curve"][1] == sorted(drawn["curve"][1])
    assert set(drawn["ranks"][1]) == {1}


def test_history_knows_the_ranks_of_earlier_runs(
    api: RunningSimulator, open_page: Open, tmp_path: Path
) -> None:
    """So a page that is opened after a restart shows them."""
    path = str(tmp_path / "h.db")
    story = api.world.top[0]
    once = [*COMMAND, "--once", "--quiet", "--api-url", api.url, "--history", path]
    subprocess.run(once, check=True, stdout=subprocess.DEVNULL)
    api.call(api.world.top.reverse)

    with serving(api, "--period", "1h", "--history", path) as served:
        page = open_page(served.url)
        row = page.locator(f"[data-id='{story}']")
        expect(row.locator(".rank")).to_have_text("3")
        row.locator(".open").click()
        expect(page.locator(".detail canvas")).to_have_count(3)

        ranks = page.evaluate(DRAWN)["ranks"][1]

    assert (ranks[0], ranks[-1]) == (1, 3)


def test_story_of_which_nothing_is_remembered(api: RunningSimulator, open_page: Open) -> None:
    """With --full-walk only its ranks are known, and the page says so."""
    with serving(api, "--full-walk", *SHORT) as served:
        page = open_page(served.url)

        open_story(page, plots=1)

        expect(page.locator(".plots .empty")).to_contain_text("not known")
        expect(page.locator(".detail .count dd").first).to_have_text("40")


def test_comment_that_cannot_be_read_is_in_the_curve(
    api: RunningSimulator, open_page: Open
) -> None:
    """It has no time, but it was counted."""
    story = api.world.top[2]
    lost = api.world.threads[story][-1]
    api.call(lambda: api.world.items.update({lost: None}))
    with serving(api, *SHORT) as served:
        page = open_page(served.url)

        open_story(page, 2)

        expect(page.locator(".detail .count")).to_contain_text("missing")
        expect(page.locator(".detail .readout").first).to_have_text("3")


def test_restart_of_the_program(api: RunningSimulator, open_page: Open) -> None:
    """The page says that it is gone, and goes on by itself when it is back, as it was."""
    with serving(api, *SHORT) as first:
        page = open_page(first.url)
        open_story(page, 1)
        page.locator("#table .open").nth(1).focus()
        page.evaluate("document.activeElement.closest('tr').known = true")
    notice = page.locator("#notice")
    expect(notice).to_contain_text("hn-comments itself has not answered since")
    expect(page.locator("#table .open")).to_have_count(3)
    assert page.evaluate("document.body.className") == "troubled"

    story = api.world.top[1]
    add_comment(api, story)
    with serving(api, *SHORT, port=first.port):
        expect(notice).to_have_text("", timeout=20_000)

        row = page.locator(f"#table [data-id='{story}']")
        expect(row.locator(".comments")).to_have_text("10")
        add_comment(api, story)
        expect(row.locator(".comments")).to_have_text("11")
        assert page.evaluate("document.activeElement.closest('tr').known") is True
        expect(page.locator(".detail canvas")).to_have_count(3)


def test_outage_of_the_api(api: RunningSimulator, open_page: Open) -> None:
    """Said since when, with the rows that were there, to those who come during it, too."""
    with serving(api, "--retries", "0", *SHORT) as served:
        page = open_page(served.url)
        notice = page.locator("#notice")
        expect(page.locator("#table .open")).to_have_count(3)
        expect(notice).to_have_text("")

        api.fail("topstories", "500")

        expect(notice).to_contain_text("No answer since ")
        expect(notice).to_contain_text("topstories.json: HTTP 500")
        late = open_page(served.url)
        expect(late.locator("#notice")).to_contain_text("No answer since ")
        assert column(page, "comments") == column(late, "comments") == ["40", "9", "3"]
        api.recover()
        expect(notice).to_have_text("", timeout=30_000)
        expect(late.locator("#notice")).to_have_text("")
        assert page.evaluate("document.body.className") == ""


def test_page_before_the_first_poll_has_ended(api: RunningSimulator, open_page: Open) -> None:
    """It waits, and fills itself."""
    api.fail("topstories", "hang", times=1)
    with serving(api, "--fetch-timeout", str(1000 * MS), *SHORT) as served:
        page = open_page(served.url)

        expect(page.locator("#state")).to_have_text("No poll has ended yet")

        expect(page.locator("#table .open")).to_have_count(3)
        expect(page.locator("#state")).to_contain_text("exact")


def test_hidden_page_has_no_stream(api: RunningSimulator, open_page: Open) -> None:
    """A browser allows six to a host; what it missed, it has when it is seen again."""
    shown = "document.dispatchEvent(new Event('visibilitychange'))"
    story = api.world.top[1]
    with serving(api, *SHORT) as served:
        page = open_page(served.url)
        page.wait_for_function(LISTENS)
        page.evaluate("Object.defineProperty(document, 'hidden', { value: true, writable: true })")
        page.evaluate(shown)
        before = page.locator("#state").inner_text()
        add_comment(api, story)
        while latest(served.url)["stories"][1]["comments"] < 10:
            page.wait_for_timeout(50 * MS)
        assert page.evaluate("live.stream") is None
        assert page.locator("#state").inner_text() == before

        page.evaluate("() => { document.hidden = false; }")
        page.evaluate(shown)

        expect(page.locator(f"[data-id='{story}'] .comments")).to_have_text("10")
        page.wait_for_function(LISTENS)


def test_hostile_titles_are_text(api: RunningSimulator, open_page: Open) -> None:
    """They run nothing, make no element, turn nothing around, and take no room."""
    story = api.world.top[0]
    change(api, story, title=HOSTILE, by="z" * 500, url=f"javascript:{BETRAYED}")
    add_comment(api, story, text=HOSTILE.replace("<", "&lt;"), by=HOSTILE)
    with serving(api, "--comments", *SHORT) as served:
        page = open_page(served.url, viewport=PHONE)
        open_story(page)
        add_comment(api, story, text=f"<p>new: &lt;img src=x onerror={BETRAYED}&gt;", by=HOSTILE)
        expect(page.locator(".newest .text").first).to_contain_text("new: <img src=x")

        title = page.locator("#table .open").first.inner_text()

        assert title.startswith(f"<img src=x onerror={BETRAYED}><img src=x")
        assert len(title) <= 301
        assert not {"\u202e", "\u2069", "\u200f"} & set(page.content())
        assert page.locator("img, script:not([src])").count() == 0
        assert page.evaluate("window.betrayed") is None
        assert page.locator('#table a:not([href^="https://news.ycombinator.com/"])').count() == 0
        assert width_of(page) == PHONE["width"]


def test_policy_lets_nothing_else_run(
    api: RunningSimulator, open_page: Open, page_errors: list[str]
) -> None:
    """Even if there were a way in: neither a script nor a style, nor a picture from elsewhere."""
    with serving(api, *SHORT) as served:
        page = open_page(served.url)
        page.evaluate("""() => {
            window.refused = [];
            addEventListener("securitypolicyviolation", (event) => refused.push(
                event.effectiveDirective));
            for (const tag of ["img", "iframe"]) {
                const element = document.createElement(tag);
                try { element.setAttribute("onerror", "window.betrayed = true"); } catch { }
                element.src = "https://example.com/x";
                document.body.append(element);
            }
            const style = document.createElement("style");
            style.textContent = "body { display: none }";
            document.body.append(style);
            try { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); } catch { }
        }""")

        page.wait_for_function("() => refused.length >= 4")

        assert {
            "img-src", "frame-src", "style-src-elem", "require-trusted-types-for"
        } <= set(page.evaluate("refused"))  # fmt: skip
        assert page.evaluate("window.betrayed") is None
        page_errors.clear()


def test_theme_follows_the_system(api: RunningSimulator, open_page: Open) -> None:
    """The plots, too, without being loaded anew."""
    pixels = "document.querySelector('.detail canvas').toDataURL()"
    ground = "getComputedStyle(document.body).backgroundColor"
    with serving(api, "--period", "1h") as served:
        page = open_page(served.url, color_scheme="light")
        open_story(page)
        light = page.evaluate(pixels), page.evaluate(ground)

        page.emulate_media(color_scheme="dark")

        page.wait_for_function(f"before => {pixels} !== before", arg=light[0])
        dark = page.evaluate(ground)
    assert light[1] == "rgb(246, 246, 239)"
    assert dark == "rgb(19, 19, 18)"


# A window of 1280 pixels at 100, 200 and 400 percent, and phones.
@pytest.mark.parametrize("width", [1280, 640, 320, 390])
def test_nothing_is_wider_than_the_page(api: RunningSimulator, open_page: Open, width: int) -> None:
    """With a story open; and all figures can be seen."""
    with serving(api, "--comments", *SHORT) as served:
        page = open_page(
            served.url, viewport={"width": width, "height": 640}, device_scale_factor=1280 / width
        )
        open_story(page)

        assert width_of(page) == width
        assert numbers(column(page, "rank")) == [1, 2, 3]
        for cell in page.locator("#table tbody td:not(.nothing)").all():
            box = cell.bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= width


def test_keyboard_is_enough(api: RunningSimulator, open_page: Open) -> None:
    """To filter, to sort, to open a story, to read it, and to close it; while polls go on."""
    with serving(api, *SHORT) as served:
        page = open_page(served.url)
        expect(page.locator("#table .open")).to_have_count(3)
        titles = page.locator("#table .open").all_inner_texts()
        reached: list[str] = []
        while not reached or reached[-1] != titles[0]:
            page.keyboard.press("Tab")
            reached.append(focused(page))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", reached

        page.keyboard.press("Enter")
        expect(page.locator(".detail canvas")).to_have_count(3)
        page.keyboard.press("Tab")
        inside = focused(page)
        add_comment(api, api.world.top[0])
        expect(page.locator("#table .comments").nth(1)).to_have_text("41")
        page.keyboard.press("Escape")

        assert inside == "Discussion on Hacker News"
        assert reached[1:8] == [
            "Rank", "Title", "Comments", "New", "Last hour", "Score", "Status"
        ]  # fmt: skip
        expect(page.locator(".detail")).to_have_count(0)
        assert focused(page) == titles[0]
        page.keyboard.press("/")
        page.keyboard.type(titles[1])
        expect(page.locator("#shown")).to_have_text("1 of 3 stories")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_no_serious_fault(
    api: RunningSimulator, open_page: Open, scheme: str, width: int
) -> None:
    """With a story open, and with everything that can be said on the page."""
    api.call(lambda: api.world.items.update({api.world.threads[api.world.top[1]][0]: None}))
    with serving(api, "--comments", "--retries", "0", *SHORT) as served:
        page = open_page(served.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
        open_story(page)
        add_comment(api, api.world.top[0])
        expect(page.locator(".newest .text")).to_have_count(1)
        api.fail("topstories", "500")
        expect(page.locator("#notice")).to_contain_text("No answer since")

        check_accessibility(page)


def test_page_of_a_growing_world_is_true(open_page: Open) -> None:
    """Whatever happens there: what the page shows is what the last poll found."""
    world = World(seed=3, stories=8, rate=600)
    with simulating(world) as api, serving(api, "--limit", "8", *SHORT) as served:
        page = open_page(served.url)
        open_story(page, 2)
        page.wait_for_function("() => page.document.poll.poll > 12")

        shown = page.evaluate("[page.document.stories.map((s) => s.comments), page.document.poll]")

        assert shown[0] == [numbers([text])[0] for text in column(page, "comments")]
        assert sum(shown[0]) > 0
