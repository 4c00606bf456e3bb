"""The board in a real browser, fed by a real Kafka."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from contracts.clock import DAY_MS, HOUR_MS, WallClock
from tests.browser.conftest import RunningDesk, Window
from tests.desk import made_up

pytestmark = pytest.mark.browser
SOON_MS = 30_000
expect.set_options(timeout=SOON_MS)


def fed(desk: RunningDesk, now: int, *alerts: object) -> None:
    sources = [
        made_up.heartbeat(name, now, newest_ms=now, event_ms=now) for name in ("CoinDesk", "Decrypt", "The Block")
    ]
    desk.log.write(*made_up.a_day_of_news(now), *alerts, *sources)  # type: ignore[arg-type]


def open_rows(page: Page) -> list[str]:
    return page.locator("[data-list=open] tbody bdi[data-f=name]").all_text_contents()


def test_a_new_alert_appears_without_a_reload(desk: RunningDesk, window: Callable[..., Window]) -> None:
    now = WallClock().wall_ms()
    fed(desk, now, *made_up.life(now_ms=now))
    page = window().page()
    page.goto(desk.base)
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(1)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    marked = page.locator("h1").evaluate("element => element.dataset.kept = 'yes'")
    assert marked == "yes"
    desk.log.write(made_up.transition("entity:solana", 1, now_ms=now, severity="warning", why="Solana turned."))
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(2)
    assert open_rows(page) == ["FTX", "Solana"]
    assert page.locator("h1").get_attribute("data-kept") == "yes"
    assert page.title() == "(2) Board · Tocsin"
    expect(page.locator("#open")).to_have_text("2")


def test_the_first_alert_of_a_calm_board_appears_and_an_end_moves_it_down(
    desk: RunningDesk, window: Callable[..., Window]
) -> None:
    now = WallClock().wall_ms()
    fed(desk, now)
    page = window().page()
    page.goto(desk.base)
    expect(page.get_by_text("No alert is open.", exact=True)).to_be_visible()
    steps = made_up.life(now_ms=now, resolved=True)
    desk.log.write(*steps[:2])
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(1)
    expect(page.get_by_text("No alert is open.", exact=True)).to_be_hidden()
    desk.log.write(steps[2])
    expect(page.locator("[data-list=recent] tbody tr")).to_have_count(1)
    expect(page.get_by_text("No alert is open.", exact=True)).to_be_visible()


def test_rows_do_not_move_under_the_cursor(desk: RunningDesk, window: Callable[..., Window]) -> None:
    now = WallClock().wall_ms()
    fed(desk, now, *made_up.life("entity:solana", now_ms=now, severity="warning"))
    page = window().page()
    page.goto(desk.base)
    row = page.locator("[data-list=open] tbody tr").first
    expect(row).to_be_visible()
    row.hover()
    before = row.bounding_box()
    desk.log.write(*made_up.life(now_ms=now))
    expect(page.get_by_role("button", name="re-sort")).to_be_visible()
    assert row.bounding_box() == before
    assert open_rows(page) == ["Solana"]
    page.get_by_role("button", name="re-sort").click()
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(2)
    assert open_rows(page) == ["FTX", "Solana"]
    expect(page.get_by_role("button", name="re-sort")).to_be_hidden()


def test_one_stream_serves_many_tabs_and_another_takes_over(desk: RunningDesk, window: Callable[..., Window]) -> None:
    now = WallClock().wall_ms()
    fed(desk, now)
    browser = window()
    tabs = [browser.page() for _ in range(8)]
    for tab in tabs:
        tab.goto(desk.base)
    desk.log.write(*made_up.life(now_ms=now))
    for tab in tabs:
        expect(tab.locator("[data-list=open] tbody tr")).to_have_count(1)
    tabs[0].close()
    desk.log.write(*made_up.life("entity:solana", now_ms=now))
    for tab in tabs[1:]:
        expect(tab.locator("[data-list=open] tbody tr")).to_have_count(2)


def test_a_desk_that_went_away_is_said_and_comes_back_by_itself(
    desk: RunningDesk, window: Callable[..., Window]
) -> None:
    now = WallClock().wall_ms()
    fed(desk, now)
    page = window().page()
    page.goto(desk.base)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    desk.stop()
    expect(page.get_by_text("This page lost the desk.")).to_be_visible()
    desk.log.write(*made_up.life(now_ms=now))
    desk.start()
    expect(page.get_by_text("This page lost the desk.")).to_be_hidden()
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(1)


def test_sources_that_fall_silent_make_the_board_loud_without_a_reload(
    desk: RunningDesk, window: Callable[..., Window]
) -> None:
    now = WallClock().wall_ms()
    desk.log.write(made_up.heartbeat("CoinDesk", now - 22_000))
    page = window().page()
    page.goto(desk.base)
    expect(page.locator("[data-mood=blind]")).to_be_visible(timeout=60_000)
    expect(page.locator("#notices")).to_contain_text("No source reports any more")
    desk.log.write(made_up.heartbeat("CoinDesk", WallClock().wall_ms()))
    expect(page.locator("[data-mood=quiet]")).to_be_visible()


def test_a_replay_keeps_event_time_and_moves_on(desk: RunningDesk, window: Callable[..., Window]) -> None:
    clock = WallClock()
    desk.log.write(*made_up.life(), made_up.heartbeat("crypto", clock.wall_ms(), replay=made_up.replay()))
    page = window().page()
    page.goto(desk.base)
    expect(page.locator("#replay")).to_contain_text("This is a replay")
    expect(page.locator("#asof")).to_have_text("2022-11-09 13:00 UTC")
    expect(page.locator("[data-list=open] [data-f=when]")).to_have_text("7 h")
    later = made_up.NOW + 2 * HOUR_MS
    desk.log.write(
        made_up.heartbeat("crypto", clock.wall_ms(), event_ms=later, replay=made_up.replay(rows_done=30_000))
    )
    expect(page.locator("#asof")).to_have_text("2022-11-09 15:00 UTC")
    expect(page.locator("#replay")).to_contain_text("88 % of 34,120 documents")
    expect(page.locator("[data-list=open] [data-f=when]")).to_have_text("9 h")
    desk.log.write(
        made_up.heartbeat("crypto", clock.wall_ms() - DAY_MS, event_ms=later, replay=made_up.replay(done=True))
    )
    expect(page.locator("#replay")).to_contain_text("The replay is over")


def test_times_are_the_viewers_and_their_title_is_utc(desk: RunningDesk, window: Callable[..., Window]) -> None:
    desk.log.write(*made_up.life(), made_up.heartbeat("CoinDesk", WallClock().wall_ms()))
    page = window().page()
    page.goto(f"{desk.base}/alert/{made_up.transition().alert}")
    onset = page.locator(".moments time").first
    expect(onset).to_have_text("9 Nov, 14:00")
    expect(onset).to_have_attribute("title", "2022-11-09 06:00 UTC")
