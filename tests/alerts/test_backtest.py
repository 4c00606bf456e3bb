"""A history in memory: the same alerts every time, with the rows that they came from."""

from __future__ import annotations

from random import Random

from alerts import backtest
from alerts.backtest import Backtest, Counted, counted, run
from contracts.messages import MentionScore, Score
from contracts.series import Count

START_MS = 1_650_002_400_000
HOUR_MS = 3_600_000


def text(row: int, at_ms: int, *, negative: bool = False, copy: bool = False, series: str = "entity:acme") -> Counted:
    return Counted(
        f"{row:032x}", row, at_ms, copy, 0.0, [Count(series, "session:us", negative, 0.9 if negative else 0.1)]
    )


def history() -> list[Counted]:
    """A month of a text a day about a company, then nine negative ones within a morning."""
    quiet = [text(day, START_MS + day * 24 * HOUR_MS) for day in range(30)]
    crisis = [text(100 + n, START_MS + 30 * 24 * HOUR_MS + n * HOUR_MS // 2, negative=True) for n in range(9)]
    after = [text(200 + day, START_MS + (32 + day) * 24 * HOUR_MS) for day in range(10)]
    return [*quiet, *crisis, *after]


def test_a_crisis_of_a_few_texts_a_day_rings_once() -> None:
    (alert,) = run(history())
    assert (alert.series, alert.rule, alert.severity) == ("entity:acme", "negative", "critical")
    assert START_MS + 30 * 24 * HOUR_MS <= alert.onset_ms < alert.fired_ms < START_MS + 31 * 24 * HOUR_MS
    assert alert.resolved_ms is not None
    assert alert.negative == alert.all - 1 or alert.negative == alert.all
    assert alert.expected < 1.0
    assert alert.peak >= alert.score >= 8.0


def test_it_names_the_rows_that_speak_for_it() -> None:
    (alert,) = run(history())
    assert set(alert.rows) >= {100, 101, 102, 103}
    assert set(alert.rows) <= set(range(100, 109))
    assert [f"{row:032x}" for row in alert.rows] == list(alert.documents)


def test_the_same_history_gives_the_same_alerts_in_chunks_of_any_size(monkeypatch: object) -> None:
    first = run(history())
    for size in (1, 3, 1000):
        monkeypatch.setattr(backtest, "CHUNK_DOCUMENTS", size)  # type: ignore[attr-defined]
        assert run(history()) == first


def test_an_alert_that_is_open_at_the_end_has_no_end() -> None:
    (alert,) = run(history()[:39])
    assert alert.resolved_ms is None


def test_what_only_teaches_does_not_ring() -> None:
    assert run(history(), learn_until_s=START_MS // 1000 + 40 * 86_400) == []


def test_what_was_found_so_far_can_be_asked_for_at_any_time() -> None:
    found = Backtest(backtest.Rules())
    for document in history()[:36]:
        found.add(document)
    assert found.alerts == []
    assert len(found.finish()) == 1


def test_late_and_shuffled_rows_do_not_stop_it() -> None:
    rows = history()
    Random(1).shuffle(rows)
    run(rows)


def test_a_score_counts_as_the_stream_would_count_it() -> None:
    score = Score(
        document="0" * 32,
        origin_partition=0,
        origin_offset=1,
        published_ms=START_MS,
        position=6,
        share_offset=0.1,
        topic={"politics": 1.0},
        sentiment={"negative": 0.9},
        mentions=[MentionScore(entity="ftx", relevance=80, session="crypto", sentiment={"negative": 0.2})],
    )
    one = counted(score, 7)
    assert (one.copy, one.row, one.offset) == (True, 7, 0.1)
    assert [(count.series, count.negative) for count in one.counts] == [
        ("all", True),
        ("topic:politics", True),
        ("entity:ftx", False),
        ("entity:ftx/topic:politics", False),
    ]
    assert (
        counted(Score(document="0" * 32, status="rejected", reason="empty", origin_partition=0, origin_offset=1)).counts
        == []
    )
