"""Is this window a spike: the worked numbers of the detector's paper, and what must not ring."""

from __future__ import annotations

import pytest

from alerts import detector
from alerts.baseline import Baseline, Usual
from alerts.detector import Look, weigh
from alerts.rules import Rules
from alerts.season import GroupClock
from alerts.windows import Windows
from contracts.messages import Rule

START = 27_000_000
DAY = 1440
RULES = Rules()
USUAL = Usual(rate=0.7, shape=20.0, share=0.2, worth=30.0, local=1.0)


def look(
    distinct: int, negative: int, copies: int = 0, *, minutes: int = 5, ticks: float = 5.0, offset: int = 0
) -> Look:
    counts = (distinct, negative, copies, negative * 900, offset, 0)
    return Look(minutes, START - minutes + 1, START, counts, ticks, USUAL)


def ring(one: Look, rule: Rule = "negative") -> detector.Test:
    return weigh(rule, one, 3, 4)


def burst(
    silent_days: int, texts: int, *, windows: tuple[int, ...] = detector.ALL_WINDOWS
) -> tuple[detector.Test | None, int]:
    """A series that was watched in silence this long writes negative texts in one minute."""
    clock = GroupClock(START, shared=True)
    clock.advance(START + silent_days * DAY)
    baseline, counts = Baseline(clock, START), Windows(clock.minute)
    kept = baseline.note(clock, baseline.known(clock), texts, texts)
    counts.add(clock.minute, texts, texts, 0, texts * 900, 0, round(kept * detector.LEARNED_UNIT))
    known = baseline.known(clock)
    looks = [one for one in detector.look(counts, known, clock, clock.minute) if one.minutes in windows]
    return detector.strongest("negative", looks, RULES.negative)[:2]


def test_the_worked_example_of_an_alert_text() -> None:
    # 42 negative of 50 distinct texts in 5 min, expected 0.7; share 84 % vs usual 20 % (p=1.1e-9); S=16.5
    test = ring(look(50, 42))
    assert test.expected_negative == pytest.approx(0.7)
    assert test.p_count < 1e-8
    assert test.p_share == pytest.approx(1.1e-9, rel=0.3)
    assert test.score == pytest.approx(16.5, abs=0.15)


def test_a_brand_new_series_reaches_the_threshold_at_the_eighth_negative_text_and_the_ninth_confirms_it() -> None:
    assert burst(0, 7)[1] == 0
    assert burst(0, 8)[1] > 0
    test, _ = burst(0, 9)
    assert test is not None
    assert RULES.negative.open < test.score < RULES.negative.open + 1


def test_a_silent_series_that_was_long_watched_rings_at_six_of_six_in_its_short_windows() -> None:
    assert burst(70, 5, windows=detector.SHORT)[1] == 0
    assert burst(70, 6, windows=detector.SHORT)[1] > 0


def test_in_its_slow_windows_it_rings_at_the_fewest_texts_that_may_ring() -> None:
    assert burst(70, 3) == (None, 0)
    _, rang = burst(70, 4)
    assert rang == DAY


def test_a_slow_window_is_not_trusted_before_the_baseline_rests_on_three_times_its_span() -> None:
    clock = GroupClock(START, shared=True)
    for days, trusted in ((0, [5, 15, 60]), (2, [5, 15, 60, 360]), (10, [5, 15, 60, 360, 1440])):
        clock.advance(START + days * DAY)
        known = Baseline(clock, START).known(clock)
        assert [
            one.minutes for one in detector.look(Windows(clock.minute), known, clock, clock.minute, (0, 0, 0))
        ] == trusted


def test_slow_windows_are_for_series_that_expect_fewer_than_two_texts_in_them() -> None:
    clock = GroupClock(START, shared=True)
    clock.advance(START)
    baseline, windows = Baseline(clock, START), Windows(START)
    for minute in range(START, START + 10 * DAY, 360):
        clock.advance(minute)
        windows.compact(minute)
        baseline.fold(clock)
        kept = baseline.note(clock, baseline.known(clock), 1.0, 0.0)
        windows.add(minute, 1, 0, 0, 100, 0, round(kept * detector.LEARNED_UNIT))
    baseline.fold(clock)
    looks = detector.look(windows, baseline.known(clock), clock, clock.minute)
    # One text in six hours: four a day.
    assert [one.minutes for one in looks] == [5, 15, 60, 360]


def test_four_times_the_volume_at_the_usual_share_is_no_negative_spike() -> None:
    assert ring(look(60, 12)).score < RULES.negative.close
    assert ring(look(200, 40)).score < RULES.negative.open


def test_but_it_is_a_volume_alert_and_only_that() -> None:
    assert ring(look(60, 12), "volume").score > RULES.volume.open
    assert ring(look(60, 55), "volume").score == 0.0


def test_copies_that_passed_for_distinct_texts_are_taken_off() -> None:
    assert ring(look(12, 12)).score > RULES.negative.open
    assert ring(look(12, 12, 92)).score < RULES.negative.close


def test_a_flood_of_copies_is_viral_while_distinct_texts_are_as_many_as_usual() -> None:
    assert ring(look(5, 1, 80), "viral").score > RULES.viral.open
    assert ring(look(80, 20, 80), "viral").score == 0.0


def test_fewer_than_the_minimum_never_ring() -> None:
    assert ring(look(3, 3)).score == 0.0


def test_a_share_below_the_usual_never_rings() -> None:
    assert ring(look(100, 15)).score == 0.0


def test_a_bundle_that_says_negative_more_often_is_expected_to() -> None:
    plain = ring(look(20, 12))
    # Each of the 20 texts was scored by a bundle that says negative 30 points more often than the anchor.
    expected = ring(look(20, 12, offset=20 * 300))
    assert expected.share == pytest.approx(0.5)
    assert expected.score < RULES.negative.close < plain.score


def test_the_same_p_in_a_slow_window_counts_for_more() -> None:
    hour, day = ring(look(9, 4, minutes=60, ticks=3.0)), ring(look(9, 4, minutes=1440, ticks=3.0))
    assert day.p_count == hour.p_count > 10**-5.75
    assert day.score - hour.score == pytest.approx(2.46, abs=0.01)


@pytest.mark.parametrize("minutes", detector.ALL_WINDOWS)
def test_however_much_is_written_the_share_must_be_unusual_too(minutes: int) -> None:
    looked_at = len(detector.SHORT) if minutes <= 60 else len(detector.ALL_WINDOWS)
    flood = weigh("negative", look(300, 66, minutes=minutes, ticks=1.0), looked_at, 4)
    assert flood.p_count < 1e-8
    assert flood.score < RULES.negative.open_at(minutes)


def test_a_late_text_is_judged_in_windows_that_end_when_it_was_published() -> None:
    clock = GroupClock(START, shared=True)
    clock.advance(START + 20 * DAY)
    now = clock.minute
    baseline, windows = Baseline(clock, START), Windows(now)
    windows.add(now - 40, 8, 8, 0, 7200, 0, 10)
    windows.add(now, 50, 0, 0, 0, 0, 10)
    known = baseline.known(clock)
    then, *_ = detector.strongest("negative", detector.look(windows, known, clock, now - 40), RULES.negative)
    assert then is not None
    assert (then.counts[0], then.counts[1]) == (8, 8)
    assert then.begin <= now - 40 <= then.end < now


def test_the_onset_is_the_first_bucket_with_more_than_expected() -> None:
    clock = GroupClock(START, shared=True)
    clock.advance(START + 20 * DAY)
    now = clock.minute
    baseline, windows = Baseline(clock, START), Windows(now)
    windows.add(now - 12, 5, 0, 0, 0, 0, 10)
    windows.add(now - 7, 3, 3, 0, 2700, 0, 10)
    windows.add(now, 5, 5, 0, 4500, 0, 10)
    known = baseline.known(clock)
    test, *_ = detector.strongest("negative", detector.look(windows, known, clock, now), RULES.negative)
    assert test is not None
    assert detector.onset(test, windows, clock) == now - 7


@pytest.mark.parametrize(
    ("rule", "score", "negatives", "severity"),
    [
        ("negative", 10.4, 30, "warning"),
        ("negative", 10.6, 7, "warning"),
        ("negative", 10.6, 8, "critical"),
        ("volume", 50.0, 10, "info"),
        ("viral", 50.0, 10, "info"),
    ],
)
def test_severity_needs_both_surprise_and_breadth(rule: Rule, score: float, negatives: int, severity: str) -> None:
    assert detector.severity(rule, score, 9.5, negatives) == severity


def test_an_entity_s_topic_pays_for_being_one_of_many() -> None:
    assert [detector.slices_of(series) for series in ("all", "topic:politics", "entity:ftx")] == [1, 1, 1]
    slices = detector.slices_of("entity:ftx/topic:politics")
    looks = [look(20, 12)]
    alone, *_ = detector.strongest("negative", looks, RULES.negative)
    sliced, *_ = detector.strongest("negative", looks, RULES.negative, slices)
    assert alone is not None
    assert sliced is not None
    assert alone.score - sliced.score == pytest.approx(1.146, abs=0.001)
