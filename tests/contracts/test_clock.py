"""Time is an argument; clocks are where shells get it."""

from __future__ import annotations

import pytest

from contracts.clock import ManualClock, ReplayClock


def test_a_replay_clock_is_wall_time_shifted_and_scaled() -> None:
    wall = ManualClock(ms=1_000_000)
    replay = ReplayClock(anchor_event_ms=5_000, anchor_wall_ms=1_000_000, speed=60.0, base=wall)
    assert replay.now_ms() == 5_000
    wall.advance(1_000)
    assert replay.now_ms() == 65_000
    assert replay.wall_ms() == 1_001_000


def test_a_replay_clock_that_stands_still_is_refused() -> None:
    with pytest.raises(ValueError, match="speed above 0"):
        ReplayClock(anchor_event_ms=0, anchor_wall_ms=0, speed=0)


def test_a_manual_clock_sleeps_without_waiting() -> None:
    clock = ManualClock()
    clock.sleep(3600)
    assert clock.now_ms() == 3_600_000
