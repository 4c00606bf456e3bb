from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clock import DAY_MS, HOUR_MS
from ingest.schedule import Pace, Phase, Schedule

START = 1_667_260_800_000
SCHEDULES = st.builds(
    lambda speed, steps: Schedule(
        START, speed, tuple(Phase(START + sum(s for s, _ in steps[: i + 1]), v) for i, (_, v) in enumerate(steps))
    ),
    st.sampled_from([0.0, 1.0, 60.0, 3600.0]),
    st.lists(st.tuples(st.integers(1, 30 * DAY_MS), st.sampled_from([0.0, 10.0, 3600.0])), max_size=4),
)
EVENTS = st.integers(START - DAY_MS, START + 200 * DAY_MS)


def test_history_takes_no_time_and_the_rest_an_hour_a_second() -> None:
    schedule = Schedule(START, 3600.0, (Phase(START + 10 * DAY_MS, 0.0),))
    assert schedule.wall_offset(START + 5 * DAY_MS) == 0
    assert schedule.wall_offset(START + 10 * DAY_MS + 2 * HOUR_MS) == 2
    assert schedule.event_at(0) == START + 10 * DAY_MS
    assert schedule.event_at(2) == START + 10 * DAY_MS + 2 * HOUR_MS
    assert (schedule.speed_at(START), schedule.speed_at(START + 11 * DAY_MS)) == (0, 3600)


def test_without_a_pace_only_rows_say_how_far_it_is() -> None:
    assert Schedule(START).event_at(5) is None
    assert Schedule(START).wall_offset(START + DAY_MS) == 0


@given(SCHEDULES, EVENTS, EVENTS)
def test_a_later_event_is_never_due_earlier(schedule: Schedule, one: int, two: int) -> None:
    early, late = sorted((one, two))
    assert schedule.wall_offset(early) <= schedule.wall_offset(late)


@given(SCHEDULES, EVENTS)
def test_what_is_due_has_been_reached(schedule: Schedule, event_ms: int) -> None:
    reached = schedule.event_at(schedule.wall_offset(event_ms) + 0.002)
    assert reached is None or reached >= event_ms


@given(SCHEDULES, st.floats(0, 1e6), st.floats(0, 1e6))
def test_event_time_never_runs_backwards(schedule: Schedule, one: float, two: float) -> None:
    early, late = (schedule.event_at(at) for at in sorted((one, two)))
    assert early is None or late is None or early <= late


@pytest.mark.parametrize("phases", [(Phase(2, 1.0), Phase(1, 1.0)), (Phase(1, 1.0), Phase(1, 1.0)), (Phase(1, -1.0),)])
def test_a_schedule_that_makes_no_sense_is_refused(phases: tuple[Phase, ...]) -> None:
    with pytest.raises(ValueError, match=r"speed|phases"):
        Schedule(0, 1.0, phases)


def test_a_replay_that_was_held_up_does_not_hurry() -> None:
    pace = Pace.resumed(Schedule(START, 3600.0), START, now_ms=0)
    assert pace.wait_s(START + HOUR_MS, 0) == 1
    pace.taken(START + HOUR_MS, 61_000)
    assert pace.wait_s(START + 2 * HOUR_MS, 61_000) == 1
    assert pace.event_ms(61_000) == START + HOUR_MS


def test_a_replay_that_is_on_time_keeps_its_clock() -> None:
    pace = Pace.resumed(Schedule(START, 3600.0), START, now_ms=0)
    pace.taken(START + HOUR_MS, 1_100)
    assert pace.wait_s(START + 2 * HOUR_MS, 1_100) == pytest.approx(0.9)


def test_a_restart_goes_on_at_the_event_time_it_had_reached() -> None:
    pace = Pace.resumed(Schedule(START, 3600.0), START + 5 * HOUR_MS, now_ms=1_000_000)
    assert pace.event_ms(1_000_000) == START + 5 * HOUR_MS
    assert pace.wait_s(START + 6 * HOUR_MS, 1_000_000) == 1
