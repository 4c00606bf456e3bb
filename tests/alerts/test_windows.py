"""Buckets: what is in them depends on what was added and on now, on nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.windows import KEPT_MINUTES, Windows, kept_from, place, unpack, width
from contracts.errors import Inconsistent

NOW = 27_000_000
COUNTS = st.tuples(*[st.integers(0, 300)] * 4, st.integers(-500, 500), st.integers(0, 30_000))
ADDED = st.lists(st.tuples(st.integers(NOW - 3000, NOW), COUNTS), max_size=40)


def filled(rows: list[tuple[int, tuple[int, ...]]], now: int) -> Windows:
    windows = Windows(now)
    for minute, counts in rows:
        windows.add(minute, *counts)
    return windows


@given(ADDED, st.randoms(use_true_random=False))
def test_any_order_of_adding_gives_the_same_windows(rows: list[tuple[int, tuple[int, ...]]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert filled(rows, NOW).pack() == filled(shuffled, NOW).pack()


@given(ADDED, st.lists(st.integers(0, 4000), max_size=8))
def test_when_they_are_compacted_does_not_matter(rows: list[tuple[int, tuple[int, ...]]], stops: list[int]) -> None:
    # A row can only be added once its minute has come; before the last one it may be compacted at any time.
    ordered = sorted(rows)
    often = Windows(NOW - 3000)
    for minute, counts in ordered:
        for stop in sorted(stops):
            if NOW - 3000 + stop <= minute:
                often.compact(NOW - 3000 + stop)
        often.compact(minute)
        often.add(minute, *counts)
    often.compact(NOW)
    kept = [(minute, counts) for minute, counts in ordered if minute >= kept_from(NOW)]
    assert often.pack() == filled(kept, NOW).pack()


@given(ADDED)
def test_adding_one_by_one_equals_adding_their_sum(rows: list[tuple[int, tuple[int, ...]]]) -> None:
    sums: dict[int, list[int]] = {}
    for minute, counts in rows:
        of_minute = sums.setdefault(minute, [0] * 6)
        for at, value in enumerate(counts):
            of_minute[at] += value
    assert filled(rows, NOW).pack() == filled([(m, tuple(c)) for m, c in sums.items()], NOW).pack()


@given(ADDED)
def test_what_is_packed_is_read_again(rows: list[tuple[int, tuple[int, ...]]]) -> None:
    windows = filled(rows, NOW)
    again = unpack(b"prefix" + windows.pack(), 6)
    assert (again.now, again.buckets) == (windows.now, windows.buckets)


@given(st.integers(NOW - 2000, NOW), st.integers(NOW - 2000, NOW))
def test_buckets_cover_time_without_overlap(one: int, other: int) -> None:
    first, second = sorted((place(one, NOW), place(other, NOW)))
    assert first == second or first + width(first, NOW) <= second
    assert place(one, NOW) <= one < place(one, NOW) + width(place(one, NOW), NOW)


@given(ADDED, st.integers(0, 60))
def test_sums_of_spans_equal_counting_by_hand(rows: list[tuple[int, tuple[int, ...]]], back: int) -> None:
    windows = filled(rows, NOW)
    end = place(NOW - back, NOW) + width(place(NOW - back, NOW), NOW) - 1
    begins = [place(end - minutes + 1, NOW) for minutes in (5, 15, 60, 360, 1440)]
    for begin, sums in zip(begins, windows.sums(begins, end), strict=True):
        by_hand = [counts for minute, counts in rows if max(begin, kept_from(NOW)) <= minute <= end]
        assert list(sums) == [sum(column) for column in zip(*by_hand, strict=True)] or not any(sums)


def test_after_a_day_and_an_hour_nothing_is_left() -> None:
    windows = filled([(NOW, (5, 4, 3, 2, 1, 1))], NOW)
    windows.compact(NOW + KEPT_MINUTES + 60)
    assert windows.buckets == []


def test_the_busiest_series_stay_below_a_kilobyte() -> None:
    windows = Windows(NOW - 1500)
    for minute in range(NOW - 1500, NOW + 1):
        windows.compact(minute)
        windows.add(minute, 60, 20, 40, 30_000, 0, 600)
    assert len(windows.pack()) < 900


def test_a_packed_state_that_was_cut_is_refused() -> None:
    packed = filled([(NOW, (5, 4, 3, 2, 1, 1))], NOW).pack()
    for size in range(len(packed)):
        with pytest.raises(Inconsistent):
            unpack(packed[:size])
