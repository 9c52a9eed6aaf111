"""
A report as people use it, in a real browser: `pytest -m browser`.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from hn_comments.simulator import World

from .browsing import (
    BETRAYED,
    PHONE,
    Open,
    check_accessibility,
    column,
    focused,
    numbers,
    simulating,
    width_of,
)
from .support import COMMAND, HOSTILE, REPORT, query


expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the history of three polls of a world that grows meanwhile."""
    path = str(tmp_path_factory.mktemp("history") / "h.db")
    with simulating(World(seed=4, stories=12)) as simulator:
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


@pytest.fixture(scope="module")
def report(history: str) -> str:
    """Return the address of its report."""
    page = Path(history).with_name("report.html")
    subprocess.run([*REPORT, history, "-o", str(page)], check=True)
    return page.as_uri()


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


def test_plots_of_a_young_history_show_all_of_it(open_page: Open, tmp_path: Path) -> None:
    """Two polls in one second, with the comments written after it; and no axis of years."""
    history, page = str(tmp_path / "h.db"), tmp_path / "report.html"
    with simulating(World(seed=4, stories=3)) as simulator:
        environment = {**os.environ, "HN_COMMENTS_API_URL": simulator.url}
        command = [*COMMAND, "--polls", "2", "--period", "0.2", "--quiet", "--history", history]
        subprocess.run(command, env=environment, capture_output=True, check=True)
    with contextlib.closing(sqlite3.connect(history)) as file, file:
        file.execute("UPDATE polls SET started_at = (SELECT min(started_at) FROM polls)")
    subprocess.run([*REPORT, history, "-o", str(page)], check=True)
    opened = open_page(page.as_uri())
    expect(opened.locator(".plot canvas")).to_have_count(4)

    drawn = opened.evaluate(
        "() => [...PLOTS].map((p) => ["
        "p.spec.series[0].path === 'line' ? p.values[0].at(-1) : p.from,"
        " p.from, p.to, p.chart.scales.x.min, p.chart.scales.x.max])"
    )

    for last, start, end, left, right in drawn:
        assert (left, right) == (start, end)
        assert start <= last <= end


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

    width = width_of(page)

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
    assert width_of(shown) == PHONE["width"]


def test_policy_stops_what_should_not_be_there(
    report: str, open_page: Open, page_errors: list[str]
) -> None:
    """Even if there were a way in: no text becomes markup."""
    page = open_page(report)

    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return ''; }"
        " catch (error) { return error.name; } }"
    )

    assert refused == "TypeError"
    assert "requires 'TrustedHTML'" in page_errors.pop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_no_serious_fault(report: str, open_page: Open, scheme: str, width: int) -> None:
    """With a story open."""
    page = open_page(report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.locator("#table .open").first.click()
    expect(page.locator(".detail canvas")).to_have_count(3)

    check_accessibility(page)
