"""What is normal for a series: priors, silence, winsorising, and what a window must not teach its own test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.baseline import BASELINE_BYTES, Baseline, unpack_baseline
from alerts.season import GroupClock

START = 27_000_000
DAY = 1440


def clock_at(minute: int, *, shared: bool = True) -> GroupClock:
    clock = GroupClock(START, shared=shared)
    clock.advance(minute)
    return clock


def note(baseline: Baseline, clock: GroupClock, texts: float, negative: float = 0.0) -> float:
    baseline.fold(clock)
    return baseline.note(clock, baseline.known(clock), texts, negative)


def rate(baseline: Baseline, clock: GroupClock) -> float:
    baseline.fold(clock)
    return baseline.known(clock).usual().rate


def test_a_new_series_starts_at_a_text_every_five_minutes() -> None:
    clock = clock_at(START + DAY)
    assert rate(Baseline(clock, clock.minute), clock) == pytest.approx(0.2)


def test_weeks_of_being_watched_in_silence_make_a_series_rare() -> None:
    clock = clock_at(START + 70 * DAY)
    assert rate(Baseline(clock, START), clock) < 4e-5
    assert rate(Baseline(clock, clock.minute - DAY), clock) == pytest.approx(0.3 / (1.5 + DAY), rel=0.1)


def test_a_series_that_nobody_can_date_starts_from_the_rate_of_its_group() -> None:
    clock = GroupClock(START, shared=True)
    clock.series = 4
    for minute in range(START, START + 3000):
        clock.advance(minute)
        clock.open_texts += 2.0
    assert rate(Baseline(clock, None), clock) == pytest.approx(0.5, rel=0.1)


def test_a_steady_series_is_learned() -> None:
    clock = clock_at(START)
    baseline = Baseline(clock, START)
    for minute in range(START, START + 7 * DAY, 10):
        clock.advance(minute)
        note(baseline, clock, 1.0, 0.25)
    assert rate(baseline, clock) == pytest.approx(0.1, rel=0.1)
    assert baseline.known(clock).usual().share == pytest.approx(0.25, abs=0.02)


def test_a_burst_teaches_little() -> None:
    clock = clock_at(START + 14 * DAY)
    baseline = Baseline(clock, START)
    assert note(baseline, clock, 500.0, 400.0) < 2.0
    clock.advance(clock.minute + 1)
    baseline.fold(clock)
    assert baseline.texts < 2.0
    assert baseline.negative == pytest.approx(baseline.texts * 0.8)


def test_a_window_is_held_against_what_was_known_without_it() -> None:
    clock = clock_at(START + 14 * DAY)
    baseline = Baseline(clock, START)
    before = rate(baseline, clock)
    taught = 0.0
    for minute in range(clock.minute, clock.minute + 60, 10):
        clock.advance(minute)
        taught += note(baseline, clock, 1.0, 1.0)
    known = baseline.known(clock)
    assert known.usual().rate > 5 * before
    outside = known.usual(taught, 1.0, 60.0)
    assert outside.rate == pytest.approx(before, rel=0.05)
    assert outside.share == pytest.approx(0.25, abs=0.01)


def test_an_outage_leaves_the_baseline_as_it_was() -> None:
    clock = GroupClock(START, shared=False)
    baseline = Baseline(clock, START)
    for minute in range(START, START + 3000):
        clock.advance(minute)
        clock.open_texts += note(baseline, clock, 2.0)
    clock.advance(clock.minute + 25)
    before = rate(baseline, clock)
    clock.advance(clock.minute + 30 * DAY)
    assert rate(baseline, clock) == before


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 40), st.floats(0.0, 1.0)), max_size=30))
def test_a_packed_baseline_goes_on_as_if_nothing_had_happened(steps: list[tuple[int, int, float]]) -> None:
    clock, other_clock = clock_at(START), clock_at(START)
    baseline, other = Baseline(clock, START), Baseline(other_clock, START)
    for gap, texts, share in steps:
        for one, its in ((clock, baseline), (other_clock, other)):
            one.advance(one.minute + gap)
            note(its, one, texts, texts * share)
        packed = other.pack()
        assert len(packed) == BASELINE_BYTES
        other = unpack_baseline(packed)
    assert baseline.pack() == other.pack()
    assert 0.0 <= baseline.negative <= baseline.texts
