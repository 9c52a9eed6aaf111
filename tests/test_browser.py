"""
The page as people use it, in a real browser: `pytest -m browser`.

Playwright drives a Chromium that is installed on this machine; HN_COMMENTS_TESTS_AXE names a file
of axe-core (npm), which looks for accessibility faults.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hn_comments.simulator import World
from hn_comments.simulator.fixture import RunningSimulator

from .program import Program, comment, details, document, running, story
from .support import COMMAND, HOSTILE, REPORT, query


sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

pytestmark = pytest.mark.browser

# The names under which systems install it.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PHONE = {"width": 390, "height": 844}

# What stands where nothing is known.
NONE = "\N{EN DASH}"

# What a page would call that could run what a title says.
BETRAYED = "window.betrayed = true"

# Whether a page hears of polls.
LISTENS = "() => live.stream?.readyState === EventSource.OPEN"

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no Chromium")
    with sync_api.sync_playwright() as playwright:
        # Its own sandbox does not work for root, nor in most containers.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """Collect what goes wrong in pages: nothing may, unless a test takes it out."""
    errors: list[str] = []
    yield errors
    assert not errors


@pytest.fixture
def open_page(browser: Any, errors: list[str]) -> Iterator[Open]:
    """Open a page, in a window of its own."""
    contexts = []

    def note(message: Any) -> None:
        # A program that is gone does not answer, and Chromium says that, too.
        if message.type == "error" and not message.text.startswith("Failed to load"):
            errors.append(message.text)

    def open_page(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the history of three polls of a world that grows meanwhile."""
    path = str(tmp_path_factory.mktemp("history") / "h.db")
    with closing(Stopping(World(seed=4, stories=12))) as simulator:
        world = simulator.world
        for number in range(3):
            environment = {**os.environ, "HN_COMMENTS_API_URL": simulator.url}
            command = [*COMMAND, "--once", "--quiet", "--limit", "30", "--history", path]
            subprocess.run(command, env=environment, capture_output=True, check=True)
            for _ in range(20):
                simulator.call(world.grow)
            if number == 0:
                simulator.call(lambda: world.kill(next(iter(world.walk(world.top[0])))))
    return path


class Stopping(RunningSimulator):
    """A simulator for `closing`."""

    close = RunningSimulator.stop


@pytest.fixture(scope="module")
def report(history: str) -> str:
    """Return the address of its report."""
    page = Path(history).with_name("report.html")
    subprocess.run([*REPORT, history, "-o", str(page)], check=True)
    return page.as_uri()


def column(page: Any, name: str) -> list[str]:
    """Return the texts of a column, from top to bottom."""
    cells = page.locator(f"#table tbody tr:not([hidden]) > .{name}")
    return [text.strip() for text in cells.all_inner_texts()]


def numbers(texts: list[str]) -> list[int]:
    return [int(text.lstrip("≥+ ").replace(",", "")) for text in texts if text != NONE]


def focused(page: Any) -> str:
    """Return what the element in focus says."""
    text = page.evaluate("document.activeElement.innerText")
    assert isinstance(text, str)
    return text


# The report.


def test_report_opens_without_a_network(report: str, open_page: Open) -> None:
    """It asks for nothing but itself."""
    page = open_page("about:blank", offline=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(report)

    expect(page.get_by_role("heading", name="Hacker News discussions")).to_be_visible()
    assert [url for url in asked if not url.startswith("data:")] == [report]
    assert page.locator("#table tbody tr").count() == 12
    assert page.locator(".plot canvas").count() == 5
    expect(page.locator("footer")).to_contain_text("SHA-256")


def test_columns_sort(report: str, open_page: Open) -> None:
    """Each by a click, and the other way round by another one."""
    page = open_page(report)
    for name, label in (("comments", "Comments"), ("score", "Score"), ("last_hour", "Last hour")):
        header = page.get_by_role("columnheader", name=label)
        if name != "comments":  # by which it is sorted at first
            header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "descending"
        assert numbers(column(page, name)) == sorted(numbers(column(page, name)), reverse=True)

        header.get_by_role("button").click()

        assert header.get_attribute("aria-sort") == "ascending"
        assert numbers(column(page, name)) == sorted(numbers(column(page, name)))
        assert page.locator("[aria-sort]").count() == 1
    page.get_by_role("columnheader", name="Title").get_by_role("button").click()
    titles = page.locator("#table .open").all_inner_texts()
    assert titles == sorted(titles, key=str.lower)


def test_titles_are_filtered(report: str, open_page: Open) -> None:
    """From the keyboard: / begins, Escape ends it."""
    page = open_page(report)
    titles = page.locator("#table .open").all_inner_texts()
    word = titles[0].split()[-1]

    page.keyboard.press("/")
    page.keyboard.type(word.upper())

    matching = [title for title in titles if word.lower() in title.lower()]
    shown = page.locator("#table tr:not([hidden]) .open").all_inner_texts()
    assert sorted(shown) == sorted(matching)
    expect(page.locator("#shown")).to_have_text(f"{len(matching)} of 12 stories")
    page.keyboard.press("Escape")
    expect(page.locator("#shown")).to_have_text("12 stories")


def test_story_opens_and_closes_from_the_keyboard(report: str, open_page: Open) -> None:
    """Enter and Space open it, Escape closes it, and the focus stays on its title."""
    page = open_page(report)
    button = page.locator("#table .open").nth(3)
    title = button.inner_text()
    button.focus()
    for key in ("Enter", "Space"):
        page.keyboard.press(key)

        expect(button).to_have_attribute("aria-expanded", "true")
        expect(page.locator(".detail .plot canvas")).to_have_count(3)
        assert focused(page) == title
        page.keyboard.press("Escape")
        expect(page.locator(".detail")).to_have_count(0)
        expect(button).to_have_attribute("aria-expanded", "false")
        assert focused(page) == title


def test_focus_inside_a_story_goes_back_to_its_title(report: str, open_page: Open) -> None:
    """When it is closed from in there."""
    page = open_page(report)
    button = page.locator("#table .open").nth(3)
    button.click()
    page.get_by_role("link", name="Discussion on Hacker News").focus()

    page.keyboard.press("Escape")

    assert focused(page) == button.inner_text()


def test_click_anywhere_in_a_row_opens_one_story(report: str, open_page: Open) -> None:
    """And closes the one that was open."""
    page = open_page(report)
    for row in (2, 5):
        page.locator("#table tbody tr:not(.detail) > .score").nth(row).click()
        expect(page.locator(".detail")).to_have_count(1)
        expect(page.locator("tr.opened + tr.detail")).to_have_count(1)


def test_plots_are_drawn_when_a_story_is_opened(report: str, open_page: Open) -> None:
    """Not before, or 500 stories would take their time; and none are left behind."""
    page = open_page(report)
    before = page.evaluate("PLOTS.size")

    page.locator("#table .open").first.click()

    expect(page.locator(".detail canvas")).to_have_count(3)
    assert page.evaluate("PLOTS.size") == before + 3
    page.keyboard.press("Escape")
    assert page.evaluate("PLOTS.size") == before


def test_story_shows_all_that_is_counted(report: str, open_page: Open) -> None:
    """The figures add up, and its plot ends at them."""
    page = open_page(report)

    page.locator("#table .open").first.click()

    count = page.locator(".detail .count").inner_text().split("\n")
    comments = numbers(column(page, "comments"))[0]
    assert str(comments) in count
    expect(page.locator(".detail .readout").first).to_have_text(str(comments))
    expect(page.locator(".newest li")).to_have_count(20)


def test_values_are_read_under_the_cursor(report: str, open_page: Open) -> None:
    """In all plots of a story at once; without a cursor there is a summary."""
    page = open_page(report)
    page.locator("#table .open").first.click()
    readouts = page.locator(".detail .readout")
    before = readouts.all_inner_texts()

    page.locator(".detail .u-over").first.hover(position={"x": 300, "y": 40})

    expect(readouts.first).to_contain_text("·")
    during = readouts.all_inner_texts()
    assert all("·" in text for text in during[:2])
    page.mouse.move(0, 0)
    expect(readouts.first).to_have_text(before[0])
    assert readouts.all_inner_texts() == before


def test_part_of_a_plot_is_enlarged(report: str, open_page: Open) -> None:
    """By dragging, in all plots of a story at once; a double click shows all of it again."""
    page = open_page(report)
    page.locator("#table .open").first.click()
    plot = page.locator(".detail .u-over").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    shown = "[...PLOTS].slice(-3).map(({ chart: { scales: { x } } }) => x.max - x.min)"
    before = page.evaluate(shown)

    page.mouse.move(box["x"] + 100, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 50, steps=5)
    page.mouse.up()

    after = page.evaluate(shown)
    assert all(part < 0.5 * whole for part, whole in zip(after[:2], before, strict=False))
    page.mouse.dblclick(box["x"] + 150, box["y"] + 50)
    assert page.evaluate(shown) == before


def test_plots_follow_the_theme(report: str, open_page: Open) -> None:
    """Without being loaded anew."""
    page = open_page(report, color_scheme="light")
    pixels = "document.querySelector('canvas').toDataURL()"
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(pixels), page.evaluate(ground)

    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {pixels} !== before", arg=light[0])

    assert page.evaluate(ground) != light[1]
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"before => {pixels} === before", arg=light[0])


def test_plots_follow_the_width(report: str, open_page: Open) -> None:
    """When the window gets narrower, and wider again."""
    page = open_page(report)
    page.locator("#table .open").first.click()
    for width in (700, 390, 1000):
        page.set_viewport_size({"width": width, "height": 800})

        page.wait_for_function(
            "[...document.querySelectorAll('.canvas')].every("
            "c => Math.abs(c.clientWidth - c.firstChild.clientWidth) < 2)"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_needs_no_sideways_scroll(report: str, open_page: Open, scheme: str) -> None:
    """With a story open, too."""
    page = open_page(report, viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True)
    page.locator("#table .open").first.tap()
    expect(page.locator(".detail canvas")).to_have_count(3)

    width = page.evaluate("document.documentElement.scrollWidth")

    assert width == PHONE["width"]
    assert page.evaluate("visualViewport.scale") == 1


def test_keyboard_reaches_everything(report: str, open_page: Open) -> None:
    """In the order of the page, and where one is can be seen."""
    page = open_page(report)
    labels = []
    for _ in range(10):
        page.keyboard.press("Tab")
        labels.append(
            page.evaluate("document.activeElement.innerText || document.activeElement.id")
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", labels

    assert labels[0] == "filter"
    assert labels[1:9] == [
        "Rank", "Title", "Comments", "Last day", "Last hour", "Score", "Best rank", "Status",
    ]  # fmt: skip
    assert labels[9] == page.locator("#table .open").first.inner_text()


def test_moment_of_the_report_is_said(history: str, open_page: Open) -> None:
    """What is known later is not in it."""
    page = Path(history).with_name("then.html")
    ((second,),) = query(history, "SELECT started_at FROM polls WHERE poll_id = 2")
    command = [*REPORT, history, "-o", str(page), "--as-of", second]
    subprocess.run(command, check=True)

    shown = open_page(page.as_uri())

    expect(shown.get_by_role("status").first).to_contain_text("what was known then")
    expect(shown.locator(".tiles")).to_contain_text("all exact")


def test_hostile_titles_are_text(history: str, open_page: Open, tmp_path: Path) -> None:
    """They run nothing, make no element, turn no text around, and take no room."""
    copy, page = tmp_path / "hostile.db", tmp_path / "hostile.html"
    shutil.copy(history, copy)
    title = HOSTILE.replace("alert(1)", BETRAYED)
    query(
        str(copy),
        'UPDATE stories SET title = ?, "by" = ?, url = ?',
        title,
        title,
        f"javascript:{BETRAYED}",
    )
    subprocess.run([*REPORT, str(copy), "-o", str(page)], check=True)

    shown = open_page(page.as_uri(), viewport=PHONE)

    button = shown.locator("#table .open").first
    button.click()
    expect(shown.locator(".detail canvas")).to_have_count(3)
    assert button.inner_text().startswith(f"</script><img src=x onerror={BETRAYED}> gnp.exe <b>")
    assert len(button.inner_text()) <= 301
    assert shown.locator("img").count() == 0
    assert shown.evaluate("window.betrayed") is None
    assert shown.locator('a:not([href^="http"])').count() == 0
    assert shown.locator("a:not([rel~=noopener])").count() == 0
    assert shown.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_policy_stops_what_should_not_be_there(
    report: str, open_page: Open, errors: list[str]
) -> None:
    """Even if there were a way in: no text becomes markup."""
    page = open_page(report)

    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return ''; }"
        " catch (error) { return error.name; } }"
    )

    assert refused == "TypeError"
    assert "requires 'TrustedHTML'" in errors.pop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_no_serious_fault(report: str, open_page: Open, scheme: str, width: int) -> None:
    """With a story open."""
    axe = os.environ.get("HN_COMMENTS_TESTS_AXE")
    if not axe:
        pytest.skip("HN_COMMENTS_TESTS_AXE names no file of axe-core")
    page = open_page(report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.locator("#table .open").first.click()
    expect(page.locator(".detail canvas")).to_have_count(3)
    page.evaluate(Path(axe).read_text(encoding="utf-8"))

    found = page.evaluate("axe.run()")

    assert len(found["passes"]) > 20
    faults = [(fault["id"], fault["impact"]) for fault in found["violations"]]
    assert not [fault for fault in faults if fault[1] in {"serious", "critical"}]


# The live page.


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


@pytest.mark.parametrize("width", [390, 1000])
def test_nothing_is_wider_than_the_page(program: Program, open_live: Open, width: int) -> None:
    """Neither a title that has no end, nor an author or an address without a space."""
    program.document = document(
        story(3, rank=1, title=HOSTILE, by="y" * 500, url=f"https://{'z' * 60}.example.com/")
    )
    page = open_live(program, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#table .open").click()
    expect(page.locator(".detail canvas")).to_have_count(3)

    assert page.evaluate("document.documentElement.scrollWidth") == width
