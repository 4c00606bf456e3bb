"""A store in a folder of its own, and the app over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from contracts.clock import ManualClock
from contracts.messages import Message
from contracts.settings import Desk
from desk.app import create_app
from desk.feed import FeedState
from desk.projection import project
from desk.store import Store
from tests.desk import made_up

WATCHLIST = """entities:
- {id: ftx, name: FTX, tickers: [FTT]}
- {id: blockfi, name: BlockFi}
- {id: solana, name: Solana}
- {id: celsius, name: Celsius Network}
- {id: three_arrows, name: Three Arrows Capital}
- {id: voyager, name: Voyager Digital}
- {id: tornado_cash, name: Tornado Cash}
"""


@dataclass
class StandingFeed:
    """A feed that says what it is told to; the real one is tested against a real Kafka in test_kafka_feed.py."""

    now: FeedState = field(default_factory=lambda: FeedState(reachable=True, since_ms=made_up.NOW - 60_000))

    def state(self) -> FeedState:
        return self.now

    def on_change(self, callback: Callable[[], None]) -> None:
        self.callback = callback


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "desk.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def write(store: Store) -> Callable[..., None]:
    """Put messages into the store, each call as one batch that continues the log."""

    def put(*messages: Message, appended_ms: int = made_up.NOW) -> None:
        store.apply(project(made_up.records(list(messages), first=store.marks(), appended_ms=appended_ms)))

    return put


@pytest.fixture
def feed() -> StandingFeed:
    return StandingFeed()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(made_up.NOW)


@pytest.fixture
def settings(tmp_path: Path) -> Desk:
    watchlist = tmp_path / "watchlist.yaml"
    watchlist.write_text(WATCHLIST)
    return Desk(watchlist=watchlist)


@pytest.fixture
def client(settings: Desk, store: Store, feed: StandingFeed, clock: ManualClock) -> Iterator[TestClient]:
    with TestClient(create_app(settings, store, feed, clock), base_url="http://127.0.0.1:8700") as opened:
        yield opened


@pytest.fixture
def busy(write: Callable[..., None]) -> None:
    """A busy afternoon, fed by three live sources."""
    write(*made_up.a_day_of_news(), *made_up.a_board())
    write(*(made_up.heartbeat(name, made_up.NOW) for name in ("CoinDesk", "Decrypt", "The Block")))
