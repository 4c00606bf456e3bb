"""The projection: repeats change nothing, rows and marks are one, what is gone can be read again."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clock import DAY_MS, MINUTE_MS
from contracts.errors import Unavailable, UserError
from desk.database import database_path
from desk.projection import Record, project
from desk.rows import Bar
from desk.store import Store
from tests.desk import made_up

TABLES = ("marks", "transitions", "alerts", "documents", "appearances", "counts", "sources", "unreadable", "facts")


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row, with series by name and documents by id: numbers given out inside may differ."""
    queries = {table: f"select * from {table}" for table in TABLES}  # noqa: S608
    queries["documents"] = "select id, partition, place, snippet, published_ms, p_negative from documents"
    queries["appearances"] = """select s.name, a.published_ms, d.id, a.negative, a.copy, a.p_negative from appearances a
        join series s on s.id = a.series join documents d on d.row = a.document"""
    queries["counts"] = (
        "select s.name, start_ms, texts, negative, copies from counts c join series s on s.id = c.series"
    )
    return {table: sorted(store.connection().execute(query).fetchall()) for table, query in queries.items()}


def story() -> list[Record]:
    scores = [
        made_up.score(n % 50, made_up.NOW - n * MINUTE_MS, position=1 + n % 8) for n in range(60)
    ]  # 10 of them come twice
    return made_up.records([*scores, *made_up.a_board(), made_up.heartbeat("CoinDesk", made_up.NOW)])


def test_a_repeated_transition_is_ignored(store: Store) -> None:
    first = made_up.transition(number=1, why="first")
    store.apply(project(made_up.records([first])))
    again = made_up.records([first.model_copy(update={"why": "second"})], first=store.marks())
    store.apply(project(again))
    assert [step.why for step in store.transitions(first.alert)] == ["first"]
    assert store.open_alerts()[0].why == "first"


def test_an_older_transition_never_replaces_a_newer_one(store: Store) -> None:
    pending, firing = made_up.life()
    store.apply(project(made_up.records([firing, pending])))
    assert [step.number for step in store.transitions(firing.alert)] == [1, 2]
    assert store.open_alerts()[0].state == "firing"


def test_a_document_published_twice_counts_once(store: Store) -> None:
    twice = [made_up.score(1, made_up.NOW), made_up.score(9, made_up.NOW, document=made_up.digest("document", 1))]
    store.apply(project(made_up.records(twice[:1])))
    store.apply(project(made_up.records(twice, first=store.marks())))
    start = made_up.NOW // 300_000 * 300_000
    assert store.bars("entity:ftx", start, start + 300_000, 300_000) == [Bar(1, 1, 0)]


def test_copies_are_counted_apart(store: Store) -> None:
    scores = [made_up.score(n, made_up.NOW, position=position) for n, position in enumerate((1, 5, 6, 40))]
    store.apply(project(made_up.records(scores)))
    start = made_up.NOW // 300_000 * 300_000
    assert store.bars("topic:legal_regulation", start, start + 300_000, 300_000) == [Bar(2, 2, 2)]


def test_an_hour_is_the_sum_of_its_twelfths(store: Store) -> None:
    store.apply(project(made_up.records(made_up.a_day_of_news())))
    start = (made_up.NOW - DAY_MS) // 3_600_000 * 3_600_000
    fine = store.bars("all", start, start + DAY_MS, 300_000)
    hours = store.bars("all", start, start + DAY_MS, 3_600_000)
    assert [sum(bar.texts for bar in fine[at : at + 12]) for at in range(0, 288, 12)] == [hour.texts for hour in hours]
    assert sum(hour.texts for hour in hours) > 100


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_however_the_log_is_cut_and_repeated_the_rows_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """The law that makes a crash harmless: batches of any size, each perhaps twice, end in what one batch ends in."""
    rng, records = random.Random(seed), story()
    folder = tmp_path_factory.mktemp("law")
    whole, pieces = Store(folder / "whole.sqlite"), Store(folder / "pieces.sqlite")
    whole.apply(project(records))
    at = 0
    while at < len(records):
        end = at + rng.randint(1, 30)
        for _ in range(rng.randint(1, 2)):
            pieces.apply(project(records[max(0, at - rng.randint(0, 5)) : end]))
        at = end
    assert content(pieces) == content(whole)
    whole.close()
    pieces.close()


def test_rows_and_mark_are_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(store)

    def broken(*_: object) -> None:
        raise RuntimeError("after the documents, before the marks")

    monkeypatch.setattr(store, "_write_steps", broken)
    with pytest.raises(RuntimeError):
        store.apply(project(story()))
    assert content(store) == before
    monkeypatch.undo()
    store.apply(project(story()))
    assert content(store)["counts"]


def test_a_rebuild_gives_the_same_rows(store: Store) -> None:
    store.apply(project(story()))
    whole = content(store)
    store.rebuild(dict.fromkeys(store.marks(), 0))
    assert not store.marks()
    assert not store.open_alerts()
    store.apply(project(story()))
    assert content(store) == whole


def test_a_rebuild_keeps_what_is_older_than_the_log(store: Store) -> None:
    records = story()
    store.apply(project(records))
    whole = content(store)
    beginnings = {place: mark // 2 for place, mark in store.marks().items()}
    store.rebuild(beginnings)
    assert 0 < len(content(store)["documents"]) < len(whole["documents"])
    assert 0 < len(content(store)["transitions"]) < len(whole["transitions"])
    store.apply(project([one for one in records if one.place >= beginnings[one.topic, one.partition]]))
    rebuilt = content(store)
    assert {name: rebuilt[name] for name in TABLES if name != "sources"} == {
        name: whole[name] for name in TABLES if name != "sources"
    }


def test_forgetting_a_topic_leaves_the_others(store: Store) -> None:
    store.apply(project(story()))
    store.belongs_to("scores", "one")
    store.forget("scores")
    assert {topic for topic, _ in store.marks()} == {"alerts", "sources"}
    assert store.generations() == {}
    assert store.bars("all", made_up.NOW - DAY_MS, made_up.NOW, 3_600_000) == [Bar()] * 24
    assert store.open_alerts()


def test_open_alerts_come_by_severity_then_newest_onset(store: Store) -> None:
    store.apply(project(story()))
    order = [(row.severity, row.state) for row in store.open_alerts()]
    assert order == [(2, "firing"), (2, "firing"), (1, "firing"), (1, "pending")]
    critical = [row.onset_ms for row in store.open_alerts() if row.severity == 2]
    assert critical == sorted(critical, reverse=True)


def test_what_was_only_recorded_is_never_among_open_or_recent(store: Store) -> None:
    store.apply(
        project(made_up.records([*made_up.life(learning=True), *made_up.life("all", late=True, resolved=True)]))
    )
    assert (store.open_alerts(), store.recent_alerts(10), store.recorded_total()) == ([], [], 2)


def test_documents_of_a_span_are_what_its_count_counts(store: Store) -> None:
    store.apply(project(made_up.records(made_up.a_day_of_news())))
    start = (made_up.NOW - DAY_MS) // 300_000 * 300_000
    counted = sum(bar.negative for bar in store.bars("entity:ftx", start, start + DAY_MS, 300_000))
    found = store.documents_of("entity:ftx", start, start + DAY_MS, 500, negative=True)
    assert len(found) == counted > 0
    assert all(one.negative and not one.copy for one in found)


def test_a_locked_database_is_waited_for_and_nothing_is_written(store: Store) -> None:
    store.connection().execute("pragma busy_timeout = 20")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(Unavailable, match="cannot be written: database is locked"):
        store.apply(project(story()))
    other.execute("rollback")
    other.close()
    store.apply(project(story()))
    assert store.open_alerts()


def test_a_full_disk_is_waited_for(store: Store) -> None:
    pages = store.connection().execute("pragma page_count").fetchone()[0]
    store.connection().execute(f"pragma max_page_count = {pages}")
    with pytest.raises(Unavailable, match="full"):
        store.apply(project(story()))
    assert store.marks() == {}


def test_an_address_that_is_not_sqlite_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="sqlite:///PATH"):
        database_path("postgresql://somewhere/desk")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.sqlite").write_bytes(b"this is a letter, not a database" * 40)
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path / "desk.sqlite")


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.sqlite") as other:
        other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(UserError, match="another version"):
        Store(tmp_path / "desk.sqlite")
