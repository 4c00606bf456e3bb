"""The feed on a real Kafka: marks, topics created anew, a broker that goes away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from contracts.clock import WallClock
from contracts.errors import Unavailable
from contracts.settings import Desk, Kafka, Settings
from desk.kafka_feed import KafkaFeed, beginnings
from desk.rebuild import rebuild
from desk.store import Store
from tests.desk import made_up
from tests.desk.kafka_log import Log, until

pytestmark = pytest.mark.system


@pytest.fixture
def log(kafka_address: str) -> Iterator[Log]:
    opened = Log(kafka_address)
    opened.delete()
    opened.create()
    yield opened
    opened.delete()


@pytest.fixture
def follow(store: Store) -> Iterator[Callable[[str], KafkaFeed]]:
    """Start a feed; at the end of the test it is stopped and must have died of nothing."""
    stop, threads, died = threading.Event(), [], []

    def start(address: str) -> KafkaFeed:
        feed = KafkaFeed(address, store, WallClock())

        def run() -> None:
            try:
                feed.follow(stop)
            except BaseException as error:
                died.append(error)
                raise

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return feed

    yield start
    stop.set()
    for thread in threads:
        thread.join(30)
    assert died == []


def test_what_is_written_appears_and_changes_are_told(
    log: Log, store: Store, follow: Callable[[str], KafkaFeed]
) -> None:
    told = threading.Event()
    feed = follow(log.address)
    feed.on_change(told.set)
    until(lambda: feed.state().reachable)
    told.clear()
    log.write(*made_up.a_day_of_news(), *made_up.life(), made_up.heartbeat("CoinDesk", made_up.NOW))
    until(lambda: sum(store.marks().values()) == 153)
    until(told.is_set)
    assert store.open_alerts()
    assert store.newest().published_ms > 0
    assert [source.source for source in store.sources()] == ["CoinDesk"]


def test_a_second_feed_goes_on_where_the_first_one_stood(
    log: Log, store: Store, follow: Callable[[str], KafkaFeed]
) -> None:
    log.write(*made_up.life())
    first = threading.Event()
    reading = threading.Thread(target=KafkaFeed(log.address, store, WallClock()).follow, args=(first,))
    reading.start()
    until(lambda: store.marks().get(("alerts", 0)) == 2)
    first.set()
    reading.join(30)
    log.write(*made_up.life("entity:solana"))
    feed = follow(log.address)
    until(lambda: store.marks().get(("alerts", 0)) == 4)
    assert feed.state().warnings == ()
    assert len(store.open_alerts()) == 2


def test_an_unreadable_message_is_kept_and_passed(log: Log, store: Store, follow: Callable[[str], KafkaFeed]) -> None:
    log.write_bytes("alerts", b"\xff\xfe not json")
    log.write(*made_up.life())
    follow(log.address)
    until(lambda: store.marks().get(("alerts", 0)) == 3)
    assert [(one.topic, one.place, one.reason) for one in store.unreadable(5)] == [("alerts", 0, "undecodable")]
    assert len(store.open_alerts()) == 1


@pytest.mark.parametrize("longer", [False, True], ids=["shorter than the mark", "longer than the mark"])
@pytest.mark.parametrize("running", [False, True], ids=["while the desk was away", "while it was read"])
def test_a_topic_created_anew_is_said_loudly_and_read_again(
    log: Log, store: Store, follow: Callable[[str], KafkaFeed], longer: bool, running: bool
) -> None:
    log.write(*made_up.life(), *made_up.a_day_of_news())
    stop = threading.Event()
    feed = KafkaFeed(log.address, store, WallClock())
    reading = threading.Thread(target=feed.follow, args=(stop,))
    reading.start()
    until(lambda: sum(store.marks().values()) == 152)
    if not running:
        stop.set()
        reading.join(30)
    log.delete(["alerts"])
    log.create(["alerts"])
    entities = ("solana", "celsius", "voyager") if longer else ("solana",)
    new = [made_up.transition(f"entity:{entity}", 1) for entity in entities]
    log.write(*new)
    reader = feed if running else follow(log.address)
    until(lambda: {row.alert for row in store.open_alerts()} == {step.alert for step in new})
    stop.set()
    reading.join(30)
    assert "The topic alerts was created anew" in reader.state().warnings[0]
    assert store.newest().published_ms > 0  # the other topics kept what they gave


def test_a_topic_that_is_missing_is_waited_for_and_named(log: Log, follow: Callable[[str], KafkaFeed]) -> None:
    log.delete(["sources"])
    feed = follow(log.address)
    until(lambda: "no topic sources" in feed.state().reason)
    assert not feed.state().reachable
    log.create(["sources"])
    until(lambda: feed.state().reachable)


def test_a_broker_that_is_away_is_waited_for(follow: Callable[[str], KafkaFeed]) -> None:
    feed = follow("127.0.0.1:1")
    until(lambda: feed.state().reason not in ("", "not connected yet"))
    assert not feed.state().reachable
    with pytest.raises(Unavailable, match="does not answer"):
        beginnings("127.0.0.1:1")


def test_a_rebuild_reads_the_log_again(log: Log, store: Store, follow: Callable[[str], KafkaFeed]) -> None:
    log.write(*made_up.a_day_of_news(), *made_up.life())
    stop = threading.Event()
    reading = threading.Thread(target=KafkaFeed(log.address, store, WallClock()).follow, args=(stop,))
    reading.start()
    until(lambda: sum(store.marks().values()) == 152)
    stop.set()
    reading.join(30)
    settings = Settings(kafka=Kafka(bootstrap=log.address), desk=Desk(database=f"sqlite:///{store.path}"))
    assert rebuild(settings) == 10
    assert store.open_alerts() == []
    follow(log.address)
    until(lambda: sum(store.marks().values()) == 152)
    assert len(store.open_alerts()) == 1
