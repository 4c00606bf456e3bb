"""A partition with lag that stands still is a stall; one that is idle, or moves, or has just come, is not."""

from __future__ import annotations

from stream.watchdog import Stalls


def test_lag_without_movement_for_the_limit_is_a_stall() -> None:
    stalls = Stalls(limit_s=30)
    assert stalls.check(0, {0: 5, 1: 5}, {0: 9, 1: 9}) == []
    assert stalls.check(20, {0: 5, 1: 6}, {0: 9, 1: 9}) == []
    assert stalls.check(31, {0: 5, 1: 6}, {0: 9, 1: 9}) == [0]


def test_a_partition_at_its_end_never_stalls() -> None:
    stalls = Stalls(limit_s=30)
    for now in (0, 100, 200):
        assert stalls.check(now, {0: 9}, {0: 9}) == []
    assert stalls.check(210, {0: 9}, {0: 10}) == [], "the limit runs from when there was something to do"


def test_a_rebalance_begins_the_watch_anew() -> None:
    stalls = Stalls(limit_s=30)
    stalls.check(0, {0: 5}, {0: 9})
    stalls.forget()
    assert stalls.check(40, {0: 5}, {0: 9}) == []


def test_a_partition_that_was_given_away_is_forgotten() -> None:
    stalls = Stalls(limit_s=30)
    stalls.check(0, {0: 5}, {0: 9})
    stalls.check(10, {}, {})
    assert stalls.check(40, {0: 5}, {0: 9}) == []
