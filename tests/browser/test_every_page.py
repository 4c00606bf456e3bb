"""What holds on every page: accessible, within its width, within its weight, true to the policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from contracts.clock import WallClock
from tests.browser.conftest import RunningDesk, Window
from tests.desk import made_up
from tests.desk.test_pages import hostile_alert

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture
def addresses(desk: RunningDesk) -> list[str]:
    """The board, the evidence of a usual and of a hostile alert, a list of documents, a page that is not there."""
    hostile = hostile_alert()
    beats = [made_up.heartbeat(name, WallClock().wall_ms()) for name in ("CoinDesk", "The Block")]
    desk.log.write(*made_up.a_day_of_news(), *made_up.a_board(), *hostile[:1], *beats)  # type: ignore[arg-type]
    documents = f"/documents?series=entity:ftx&from={made_up.NOW - 86_400_000}&until={made_up.NOW}"
    return ["/", f"/alert/{made_up.transition().alert}", f"/alert/{hostile[0].alert}", documents, "/nowhere"]  # type: ignore[attr-defined]


def shown(page: Page, desk: RunningDesk, address: str) -> None:
    page.goto(desk.base + address)
    if address == "/":
        expect(page.locator("[data-list=open] tbody tr")).to_have_count(5)
        page.locator("summary").click()
        page.mouse.move(0, 0)
    if address != "/nowhere":
        expect(page.get_by_text("Live", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_axe_finds_no_violation(
    desk: RunningDesk, addresses: list[str], window: Callable[..., Window], scheme: str, width: int
) -> None:
    # axe is a script that is put into the page, which the policy forbids: this window alone goes without it.
    browser = window(bypass_csp=True, scheme=scheme, width=width)
    for address in addresses:
        page = browser.context.new_page()
        shown(page, desk, address)
        found = Axe().run(page).response["violations"]
        assert [(address, one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("width", [1360, 768, 390, 320])
def test_no_page_is_wider_than_its_window(
    desk: RunningDesk, addresses: list[str], window: Callable[..., Window], width: int
) -> None:
    browser = window(width=width, height=844)
    for address in addresses[:-1]:
        page = browser.page()
        shown(page, desk, address)
        wide, room = page.locator("html").evaluate("element => [element.scrollWidth, element.clientWidth]")
        assert wide <= room, address


def test_hostile_text_runs_nowhere_and_the_policy_is_never_broken(
    desk: RunningDesk, addresses: list[str], window: Callable[..., Window]
) -> None:
    browser = window()
    page = browser.page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    shown(page, desk, "/")
    # A row that arrives live is built by the script, not by a template.
    desk.log.write(
        hostile_alert()[0].model_copy(update={"alert": "f" * 32, "series": "topic:<img src=x onerror=alert(1)>"})
    )  # type: ignore[attr-defined]
    expect(page.locator("[data-list=open] tbody tr")).to_have_count(6)
    expect(page.locator("#a-" + "f" * 32)).to_contain_text("<img src=x onerror=alert(1)>")
    page.goto(desk.base + addresses[2])
    expect(page.locator(".title .why")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main img, main script:not([type])").count() == 0
    assert dialogs == []


def test_every_page_weighs_less_than_60_kib_cold(
    desk: RunningDesk, addresses: list[str], window: Callable[..., Window]
) -> None:
    for address in addresses[:-1]:
        page = window().page()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        received: list[float] = []
        session.on(
            "Network.loadingFinished", lambda event, received=received: received.append(event["encodedDataLength"])
        )
        shown(page, desk, address)
        assert 0 < sum(received) < 60 * 1024, address
