"""The evidence page in a real browser, reached and read by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from contracts.clock import WallClock
from tests.browser.conftest import RunningDesk, Window
from tests.desk import made_up

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture
def alert(desk: RunningDesk) -> str:
    """An open alert on FTX, with its documents."""
    desk.log.write(*made_up.a_day_of_news(), *made_up.life(), made_up.heartbeat("CoinDesk", WallClock().wall_ms()))
    return made_up.transition().alert


def test_the_evidence_of_an_alert_opens_by_keyboard(
    desk: RunningDesk, alert: str, window: Callable[..., Window]
) -> None:
    page = window().page()
    page.goto(desk.base)
    row = page.locator("[data-list=open] tbody a")
    expect(row).to_have_count(1)
    for _ in range(12):
        page.keyboard.press("Tab")
        if row.evaluate("element => element === document.activeElement"):
            break
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{desk.base}/alert/{alert}")
    expect(page.locator("h1")).to_contain_text("FTX")
    expect(page.locator("#documents mark").first).to_be_visible()


def test_the_chart_is_read_by_mouse_and_by_arrow_keys_and_leads_to_documents(
    desk: RunningDesk, alert: str, window: Callable[..., Window]
) -> None:
    page = window().page()
    page.goto(f"{desk.base}/alert/{alert}")
    page.locator(".chart.wide").hover(position={"x": 1100, "y": 100})
    expect(page.locator("#tip")).to_contain_text("negative of")
    first = page.locator("#tip").text_content()
    page.locator("#plot").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tip")).not_to_have_text(first or "")
    page.keyboard.press("Enter")
    expect(page.locator(".why")).to_contain_text("published in 60 min")


def test_a_later_step_is_announced_and_one_link_away(
    desk: RunningDesk, alert: str, window: Callable[..., Window]
) -> None:
    page = window().page()
    page.goto(f"{desk.base}/alert/{alert}")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    desk.log.write(made_up.transition(number=3, state="resolved"))
    page.get_by_role("link", name="Show its newest state").click()
    expect(page.locator(".badges .state")).to_have_text("Resolved")


def test_it_reads_without_a_script(desk: RunningDesk, alert: str, window: Callable[..., Window]) -> None:
    page = window(script=False).page()
    page.goto(f"{desk.base}/alert/{alert}")
    expect(page.locator(".chart.wide")).to_be_visible()
    expect(page.locator(".windows tbody tr")).to_have_count(5)
    expect(page.locator(".moments")).to_contain_text("2022-11-09 06:00 UTC")
    page.locator(".windows .decided a").first.click()
    expect(page.locator(".texts li").first).to_be_visible()


def test_links_to_originals_open_elsewhere_and_tell_nothing(
    desk: RunningDesk, alert: str, window: Callable[..., Window]
) -> None:
    page = window().page()
    page.goto(f"{desk.base}/alert/{alert}")
    link = page.locator("#documents .meta a").first
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert (link.get_attribute("href") or "").startswith("https://example.org/")
