"""Group clocks: they learn the rhythm of the week, stand still in an outage, and cross months in closed form."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.season import CLOCK_BYTES, GroupClock, unpack_clock

MONDAY = 27_001_440 - 27_001_440 % 1440  # a midnight


def fed(clock: GroupClock, minutes: int, texts: float) -> GroupClock:
    """Every minute receives `texts`."""
    for minute in range(clock.minute, clock.minute + minutes):
        clock.advance(minute)
        clock.open_texts += texts
    return clock


def test_a_clock_ticks_once_a_minute_until_it_knows_better() -> None:
    clock = GroupClock(MONDAY, shared=False)
    clock.advance(MONDAY + 100)
    assert clock.total == pytest.approx(100.0)
    assert clock.at(MONDAY + 49) == pytest.approx(50.0)
    assert clock.at(MONDAY - 1) == 0.0


def test_the_clock_of_minutes_to_come_runs_on_at_the_present_pace() -> None:
    clock = GroupClock(MONDAY, shared=False)
    clock.advance(MONDAY + 10)
    assert clock.at(MONDAY + 12) == pytest.approx(13.0)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 30)), max_size=30))
@settings(max_examples=50)
def test_a_packed_clock_goes_on_as_if_nothing_had_happened(steps: list[tuple[int, int]]) -> None:
    clock, other = GroupClock(MONDAY, shared=True), GroupClock(MONDAY, shared=True)
    for gap, texts in steps:
        clock.advance(clock.minute + gap)
        clock.open_texts += texts
        packed = other.pack()
        assert len(packed) == CLOCK_BYTES
        other = unpack_clock(packed)
        other.advance(other.minute + gap)
        other.open_texts += texts
    assert clock.pack() == other.pack()


def test_half_a_year_without_documents_is_crossed_in_a_few_thousand_steps() -> None:
    clock = fed(GroupClock(MONDAY, shared=True), 2000, 1.0)
    before = clock.total
    clock.advance(clock.minute + 260_000)
    assert clock.total - before == pytest.approx(260_000, rel=0.2)
    assert not clock.live


def test_an_outage_is_noticed_and_teaches_nothing() -> None:
    clock = fed(GroupClock(MONDAY, shared=False), 3000, 2.0)
    clock.advance(clock.minute + 15)
    assert not clock.live
    age, learned, texts = clock.age, clock.learned, clock.texts
    clock.advance(clock.minute + 50_000)
    assert (clock.age, clock.learned, clock.texts) == (age, learned, texts)


def test_a_silence_that_chance_explains_is_no_outage() -> None:
    clock = GroupClock(MONDAY, shared=False)
    for day in range(20):
        for hour in range(0, 24, 3):
            clock.advance(MONDAY + day * 1440 + hour * 60)
            clock.open_texts += 1.0
    # 8 texts a day: 20 are expected in two and a half days.
    clock.advance(clock.minute + 2 * 1440)
    assert clock.live
    clock.advance(clock.minute + 5 * 1440)
    assert not clock.live


def test_a_slow_stream_is_live_again_with_its_first_text() -> None:
    clock = GroupClock(MONDAY, shared=False)
    for hour in range(24 * 20):
        clock.advance(MONDAY + hour * 60)
        clock.open_texts += 2.0
    clock.advance(clock.minute + 3 * 1440)
    assert not clock.live
    clock.open_texts += 1.0
    clock.advance(clock.minute + 1)
    assert clock.live


def test_a_trickle_on_a_busy_stream_does_not_end_its_outage() -> None:
    clock = fed(GroupClock(MONDAY, shared=False), 3000, 100.0)
    clock.advance(clock.minute + 5)
    assert not clock.live
    fed(clock, 10, 2.0)
    assert not clock.live


def test_after_a_week_the_clock_knows_the_hours() -> None:
    clock = GroupClock(MONDAY, shared=False)
    for minute in range(MONDAY, MONDAY + 8 * 1440):
        clock.advance(minute)
        clock.open_texts += 2.0 if 9 <= minute // 60 % 24 < 17 else 0.5
    noon = (clock.minute // 1440 + 1) * 1440 + 12 * 60
    fed(clock, noon - clock.minute, 0.5)
    clock.advance(noon)
    by_day = clock.step
    clock.advance(noon + 12 * 60)
    assert by_day / clock.step == pytest.approx(4.0, rel=0.2)


def test_a_series_of_its_own_group_has_no_surge() -> None:
    alone = fed(GroupClock(MONDAY, shared=False), 3000, 5.0)
    fed(alone, 5, 100.0)
    assert alone.surge == 1.0
    shared = fed(GroupClock(MONDAY, shared=True), 3000, 5.0)
    fed(shared, 5, 100.0)
    assert shared.surge == 4.0


@given(st.integers(0, 20_000))
def test_silence_since_it_was_watched_is_never_more_than_all_silence(since: int) -> None:
    clock = GroupClock(MONDAY, shared=True)
    clock.advance(MONDAY + 20_000)
    part = clock.learned_since(MONDAY + since)
    assert 0.0 <= part <= clock.learned
    assert part == pytest.approx(10_080 * (1 - math.exp(-(20_000 - since) / 10_080)), rel=0.01, abs=1.5)
