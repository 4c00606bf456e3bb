"""An entity that is added later has a history, and nothing is counted for it."""

from __future__ import annotations

import gzip
import threading
from collections import Counter

import yaml
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from contracts.clock import HOUR_MS
from contracts.messages import Document, Mention
from contracts.watchlist import WatchedEntity
from ingest.relink import Relink
from ingest.relink_store import history, keep
from tests.ingest.conftest import Ingest

NEW = [WatchedEntity(id="gap", name="Old Navy"), WatchedEntity(id="quux", name="Quuxbank")]
NOON = 1_667_822_400_000


def _document(number: int, title: str, hour: int = 0, position: int = 1, known: str = "") -> Document:
    mentions = [Mention(entity=known, relevance=80)] if known else []
    return Document(
        id=f"{number:032x}", source="a", lang="en", title=title, published_ms=NOON + hour * HOUR_MS,
        fetched_ms=NOON, story=f"{number:032x}", position=position, mentions=mentions,
    )  # fmt: skip


def _histories(documents: list[Document]) -> dict[str, dict[int, int]]:
    relink = Relink(NEW)
    relink.add(documents)
    return relink.histories()


def test_a_history_counts_distinct_texts_by_hour() -> None:
    first = NOON // HOUR_MS
    documents = [
        _document(1, "Old Navy closes"),
        _document(2, "Old Navy opens"),
        _document(3, "Old Navy sues", hour=3),
        _document(4, "Nothing of interest"),
    ]
    assert _histories(documents) == {"gap": {first: 2, first + 3: 1}, "quux": {}}


def test_what_would_not_count_is_left_out() -> None:
    documents = [
        _document(1, "Old Navy as a sixth copy", position=6),
        _document(2, "Old Navy, which is counted already", known="gap"),
    ]
    assert _histories(documents)["gap"] == {}


TITLES = st.lists(st.sampled_from(["Old Navy", "Quuxbank", "Old Navy and Quuxbank", "nothing"]), max_size=20)


@given(TITLES, st.randoms(use_true_random=False), st.integers(0, 20))
def test_any_order_and_any_repetition_gives_the_same_history(titles: list[str], random: object, cut: int) -> None:
    documents = [_document(number, title, hour=number % 3) for number, title in enumerate(titles)]
    again = [*documents, *documents[:cut]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert _histories(again) == _histories(documents)


def test_keeping_a_history_twice_keeps_it_once(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    keep(redis, {"gap": {5: 2, 6: 1}})
    keep(redis, {"gap": {5: 2}})
    assert history(redis, "gap") == {5: 2}
    assert history(redis, "nobody") == {}
    assert redis.smembers("watchlist:known") == {b"gap"}


def test_an_entity_added_while_ingest_runs_is_relinked_and_nothing_is_published_again(ingest: Ingest) -> None:
    rows = [f"2022-11-07T{hour:02}:30:00Z,Quuxbank story number {hour} {['apple', 'pear', 'plum', 'fig'][hour % 4]} {hour * 7919}"
            for hour in range(12)]  # fmt: skip
    with gzip.open(ingest.folder / "file.csv.gz", "wt", encoding="utf-8") as file:
        file.write("time,title\n" + "\n".join(rows) + "\n")
    ingest.sources({"name": "file", "kind": "replay", "path": "file.csv.gz", "map": {"time": "time", "title": "title"}})
    ingest.start()
    ingest.until(ingest.done)
    assert ingest.published() == 12
    redis = Redis.from_url(ingest.redis)
    assert redis.smembers("watchlist:known") == {b"ftx"}

    entities = [{"id": "ftx", "name": "FTX"}, {"id": "quux", "name": "Quuxbank"}]
    (ingest.folder / "watchlist.yaml").write_text(yaml.safe_dump({"entities": entities}))
    ingest.until(lambda: redis.sismember("watchlist:known", "quux"))
    expected = Counter(document.published_ms // HOUR_MS for document in ingest.documents() if document.position <= 5)
    assert history(redis, "quux") == dict(expected)
    assert ingest.published() == 12
    assert ingest.stop() == 0


def test_a_stop_while_relinking_keeps_nothing(redis_url: str, ingest: Ingest) -> None:
    from contracts.clock import WallClock
    from ingest.relink_store import relink_new

    redis = Redis.from_url(redis_url)
    redis.sadd("watchlist:known", "ftx")
    ingest.sources({"name": "file", "kind": "replay", "path": "file.csv.gz", "map": {"time": "time", "title": "title"}})
    with gzip.open(ingest.folder / "file.csv.gz", "wt", encoding="utf-8") as file:
        file.write("time,title\n2022-11-07T12:00:00Z,Quuxbank freezes withdrawals\n")
    ingest.start()
    ingest.until(ingest.done)
    ingest.stop()
    stop = threading.Event()
    stop.set()
    assert relink_new(NEW, redis, ingest.kafka, WallClock(), stop) == []
    assert not redis.exists("relinked:quux")
