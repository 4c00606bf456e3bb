"""What changed is sent, once, with a version that tells whether something was missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import pytest

from contracts.clock import ManualClock
from desk.hub import Hub
from desk.live import LiveBoard
from desk.names import Names
from desk.store import Store
from tests.desk import made_up
from tests.desk.conftest import StandingFeed


@pytest.fixture
def live(store: Store, feed: StandingFeed, clock: ManualClock) -> LiveBoard:
    return LiveBoard(store, feed, Names({"ftx": "FTX"}), clock, Hub())


def messages(chunks: list[bytes]) -> list[dict[str, object]]:
    return [orjson.loads(chunk.partition(b"data: ")[2]) for chunk in chunks]


def test_nothing_new_sends_nothing(live: LiveBoard, write: Callable[..., None]) -> None:
    write(*made_up.life(), made_up.heartbeat("CoinDesk", made_up.NOW))
    live.news()
    assert live.news() == []


def test_a_new_transition_sends_its_row_and_the_order_alone(live: LiveBoard, write: Callable[..., None]) -> None:
    write(made_up.heartbeat("CoinDesk", made_up.NOW), *made_up.life())
    live.news()
    new = made_up.transition("entity:solana", 1, severity="warning")
    write(new)
    (message,) = messages(live.news())
    assert list(message["rows"]) == [new.alert]  # type: ignore[call-overload]
    assert message["order"]["open"][1] == new.alert  # type: ignore[index,call-overload]
    assert message["v"] == live.state()["v"]


def test_versions_rise_by_one_so_that_a_gap_shows(
    live: LiveBoard, write: Callable[..., None], clock: ManualClock
) -> None:
    seen = []
    for n in range(5):
        write(made_up.transition(f"entity:e{n}", 1))
        clock.advance(1000)
        seen += [message["v"] for message in messages(live.news())]
    assert seen == [made_up.NOW + 1 + n for n in range(5)]


def test_a_page_and_the_stream_show_the_same_row(live: LiveBoard, write: Callable[..., None]) -> None:
    write(*made_up.a_day_of_news(), *made_up.life(), made_up.heartbeat("CoinDesk", made_up.NOW))
    board, version = live.page()
    state = live.state()
    assert state["v"] == version
    assert state["rows"][board.open[0].id]["why"] == board.open[0].why  # type: ignore[index]
    assert board.open[0].name == "FTX"
    assert board.open[0].after


def test_an_alert_that_ends_moves_from_open_to_recent(live: LiveBoard, write: Callable[..., None]) -> None:
    steps = made_up.life(resolved=True)
    write(*steps[:2])
    live.news()
    write(steps[2])
    (message,) = messages(live.news())
    assert message["order"] == {"open": [], "recent": [steps[0].alert], "recorded": []}
    assert message["rows"][steps[0].alert]["state_words"] == "Resolved"  # type: ignore[index]


async def test_news_reach_a_reader_through_the_hub(
    store: Store, feed: StandingFeed, clock: ManualClock, write: Callable[..., None]
) -> None:
    hub = Hub()
    live = LiveBoard(store, feed, Names(), clock, hub)
    running = asyncio.create_task(live.run())
    stream = hub.stream(b"first")
    await anext(stream)
    write(made_up.transition())
    feed.callback()
    chunk = await asyncio.wait_for(anext(stream), 10)
    assert made_up.transition().alert.encode() in chunk
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    feed.callback()  # the feed's thread may still call when the loop is gone
    await stream.aclose()  # type: ignore[attr-defined]
