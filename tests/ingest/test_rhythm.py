from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.clock import DAY_MS, HOUR_MS
from ingest.rhythm import MISSED, Rhythm, place_of

MONDAY = 1_667_779_200_000  # 2022-11-07 00:00 UTC


def learned(per_hour: dict[int, int], days: int = 21) -> Rhythm:
    """Three weeks of a source that brings `per_hour` items in each hour of a working day, nothing on weekends."""
    rhythm = Rhythm()
    for hour in range(days * 24):
        at_ms = MONDAY + hour * HOUR_MS
        working = place_of(at_ms) < 24
        rhythm = rhythm.counted(per_hour.get(hour % 24, 0) if working else 0, at_ms)
    return rhythm


def test_places_tell_hours_and_weekends_apart() -> None:
    assert place_of(MONDAY) == 0
    assert place_of(MONDAY + 13 * HOUR_MS) == 13
    assert place_of(MONDAY + 5 * DAY_MS) == 24


def test_a_busy_source_is_silent_sooner_at_its_busy_hours() -> None:
    """
    items an hour   0   0  ...  20  20  20  20 ... 0
    UTC             0   1       12  13  14  15     20
    """
    rhythm = learned(dict.fromkeys(range(12, 18), 20))
    monday = MONDAY + 21 * DAY_MS
    assert rhythm.expected(monday + 14 * HOUR_MS) == 20
    assert rhythm.is_silent(monday + 13 * HOUR_MS, monday + 14 * HOUR_MS)
    assert not rhythm.is_silent(monday + 13 * HOUR_MS, monday + 13 * HOUR_MS + 15 * 60_000)
    assert not rhythm.is_silent(monday + 18 * HOUR_MS, monday + 26 * HOUR_MS), "it sleeps at night"
    assert not rhythm.is_silent(monday + 5 * DAY_MS, monday + 7 * DAY_MS), "and on weekends"


def test_a_source_that_is_new_or_never_brought_anything_is_not_silent() -> None:
    assert not Rhythm().is_silent(MONDAY, MONDAY + 30 * DAY_MS)
    assert not learned({12: 50}).is_silent(0, MONDAY + 30 * DAY_MS)
    assert Rhythm().expected(MONDAY) is None


def test_hours_in_which_it_could_not_be_read_teach_nothing() -> None:
    rhythm = learned(dict.fromkeys(range(24), 10))
    at_ms = MONDAY + 21 * DAY_MS
    for hour in range(72):
        rhythm = rhythm.counted(0, at_ms + hour * HOUR_MS, reachable=False)
    assert rhythm.expected(at_ms + 72 * HOUR_MS) == 10


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3 * HOUR_MS)), max_size=60))
def test_what_is_expected_lies_between_what_was_seen(steps: list[tuple[int, int]]) -> None:
    rhythm, at_ms = Rhythm(), MONDAY
    for items, wait_ms in steps:
        at_ms += wait_ms
        rhythm = rhythm.counted(items, at_ms)
    assert all(0 <= mean <= sum(items for items, _ in steps) for mean in rhythm.means)
    assert rhythm.missed(at_ms, at_ms) == 0 < MISSED
