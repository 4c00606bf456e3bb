"""Messages become rows."""

from __future__ import annotations

from contracts.codec import encode
from contracts.messages import Score
from desk.projection import Record, deciding_window, project
from tests.desk import made_up


def test_a_score_appears_in_every_series_it_counts_for() -> None:
    batch = project(made_up.records([made_up.score(0, made_up.NOW)]))
    assert [one.series for one in batch.documents[0].appearances] == [
        "all", "topic:legal_regulation", "entity:ftx", "entity:ftx/topic:legal_regulation",
    ]  # fmt: skip


def test_a_rejected_score_only_moves_the_mark() -> None:
    rejected = Score(document="0" * 32, status="rejected", reason="language", origin_partition=3, origin_offset=6)
    batch = project(made_up.records([rejected]))
    assert (batch.documents, batch.rejected, batch.marks, batch.origins) == ([], 1, {("scores", 3): 1}, {3: 7})


def test_a_broken_message_is_noted_with_its_place_and_the_next_one_is_read() -> None:
    good = made_up.records([made_up.transition()], first={("alerts", 0): 1})
    broken = Record("alerts", 0, 0, made_up.NOW, b'{"alert": 3}')
    batch = project([broken, *good])
    assert [(one.topic, one.place, one.reason) for one in batch.unreadable] == [("alerts", 0, "schema")]
    assert len(batch.steps) == 1
    assert batch.marks == {("alerts", 0): 2}


def test_a_tombstone_of_a_source_is_no_error() -> None:
    batch = project([Record("sources", 0, 5, made_up.NOW, None)])
    assert (batch.unreadable, batch.heartbeats, batch.marks) == ([], {}, {("sources", 0): 6})


def test_the_window_that_decided_is_the_named_one_or_else_the_highest() -> None:
    step = made_up.transition()
    named = deciding_window(step)
    unnamed = deciding_window(step.model_copy(update={"evidence": step.evidence.model_copy(update={"window": 0})}))
    assert named is not None
    assert unnamed is not None
    assert (named.minutes, unnamed.minutes) == (1440, 1440)


def test_a_field_that_a_later_release_adds_is_no_error() -> None:
    value = encode(made_up.transition()).replace(b'{"alert"', b'{"from_the_future":1,"alert"', 1)
    assert project([Record("alerts", 0, 0, made_up.NOW, value)]).unreadable == []
