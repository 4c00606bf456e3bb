"""Up to which event time everything has been counted. Time runs to the right; `|` is the watermark.

wall    p0: counted to its end           ......now
        p1: one document not counted  .....|
replay  p0: seen 100                     ..........
        p1: seen 60                      ......|
"""

from __future__ import annotations

from alerts.watermark import Progress, lag_s, replay_watermark_s, wall_watermark_s
from contracts.messages import Replay, SourceHeartbeat

NOW = 1_000_000_000


def progress(
    marks: dict[int, int], seen: dict[int, int], ends: dict[int, int], appended: dict[int, int] | None = None
) -> Progress:
    return Progress(marks, seen, appended if appended is not None else seen, ends, NOW)


def heartbeat(event_ms: int, ends: dict[int, int], source: str = "r") -> SourceHeartbeat:
    replay = Replay(start_ms=0, end_ms=10**12)
    return SourceHeartbeat(
        source=source, kind="replay", alive=True, at_ms=NOW, event_ms=event_ms, ends=ends, replay=replay
    )


def test_counted_to_the_end_the_wall_watermark_is_the_last_whole_second() -> None:
    assert wall_watermark_s(progress({0: 4}, {0: 5}, {0: 5})) == (NOW - 250) // 1000 - 1


def test_a_partition_that_lags_holds_the_wall_watermark_back() -> None:
    assert wall_watermark_s(progress({0: 4, 1: 2}, {0: NOW, 1: 500_000}, {0: 5, 1: 9})) == 499


def test_an_empty_partition_holds_nothing_back() -> None:
    assert wall_watermark_s(progress({0: 4}, {0: 5}, {0: 5, 1: 0})) == (NOW - 250) // 1000 - 1


def test_a_partition_never_counted_leaves_the_wall_watermark_unknown() -> None:
    assert wall_watermark_s(progress({}, {}, {0: 5})) is None


def test_in_a_replay_the_slowest_partition_decides() -> None:
    assert replay_watermark_s(progress({}, {0: 100_000, 1: 60_000}, {0: 9, 1: 9}), []) == 59


def test_a_kept_promise_moves_event_time_where_nothing_came() -> None:
    found = replay_watermark_s(
        progress({0: 8, 1: 3}, {0: 100_000, 1: 60_000}, {0: 9, 1: 4}), [heartbeat(90_000, {0: 9, 1: 4})]
    )
    assert found == 89


def test_a_promise_about_documents_not_yet_counted_is_not_believed() -> None:
    found = replay_watermark_s(
        progress({0: 7, 1: 3}, {0: 70_000, 1: 60_000}, {0: 9, 1: 4}), [heartbeat(90_000, {0: 9, 1: 4})]
    )
    assert found == 59


def test_with_two_sources_the_earlier_promise_holds() -> None:
    beats = [heartbeat(90_000, {0: 1}), heartbeat(70_000, {0: 1}, "other")]
    assert replay_watermark_s(progress({0: 0}, {}, {0: 1, 1: 0}), beats) == 69


def test_before_anything_is_known_there_is_no_watermark() -> None:
    assert replay_watermark_s(progress({}, {}, {0: 9}), []) is None


def test_lag_is_the_age_of_what_is_not_counted_whatever_its_event_time() -> None:
    behind = progress({0: 4, 1: 2}, {0: 0, 1: 0}, {0: 5, 1: 9}, {0: NOW - 500_000, 1: NOW - 130_000})
    assert lag_s(behind, NOW) == 130.0
    assert lag_s(progress({0: 4}, {0: 0}, {0: 5}, {0: 0}), NOW) == 0.0
