"""Thresholds from a budget."""

from __future__ import annotations

from math import log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.budget import HIGHEST, LOWEST, Heights, at, fitted, threshold
from alerts.rules import Rules


def test_scores_within_a_cool_down_are_one_episode() -> None:
    heights = Heights()
    for second, score in ((0, 5.0), (3000, 9.0), (8000, 6.0), (20_000, 7.0)):
        heights.observe(second, "a", "negative", score)
    heights.observe(100, "b", "negative", 8.0)
    heights.observe(100, "b", "volume", 30.0)
    assert heights.of("negative") == [9.0, 8.0, 7.0]
    assert heights.of("viral") == []


def test_what_is_low_or_early_is_not_remembered() -> None:
    heights = Heights(from_s=1000)
    heights.observe(999, "a", "negative", 20.0)
    heights.observe(1000, "a", "negative", 4.9)
    assert heights.of("negative") == []


def test_where_there_are_episodes_enough_the_rank_decides() -> None:
    peaks = [20.0 - rank / 10 for rank in range(100)]
    assert threshold(peaks, 10.0) == pytest.approx(19.1)
    assert sum(peak > threshold(peaks, 10.5) for peak in peaks) == 10


def test_beyond_them_the_tail_is_prolonged_and_a_few_real_crises_do_not_bend_it() -> None:
    random = Random(1)
    peaks = sorted((4.0 + random.expovariate(1.0) for _ in range(1000)), reverse=True)
    found = threshold(peaks, 0.1)
    assert found == pytest.approx(4.0 + log(1000 / 0.1), abs=1.5)
    assert threshold([60.0, 50.0, *peaks[2:]], 0.1) == found


@given(st.lists(st.floats(4.0, 50.0), max_size=200), st.floats(0.001, 300.0), st.floats(1.0, 5.0))
def test_a_larger_budget_never_raises_a_threshold(peaks: list[float], episodes: float, more: float) -> None:
    ranked = sorted(peaks, reverse=True)
    low, high = threshold(ranked, episodes * more), threshold(ranked, episodes)
    assert LOWEST <= low <= HIGHEST
    assert low <= high + 1e-9


def test_the_rule_s_other_thresholds_move_along() -> None:
    moved = at(Rules().negative, 11.5)
    assert (moved.open, moved.open_slow) == (11.5, Rules().negative.open_slow + 2.0)
    assert moved.close < moved.open_slow
    assert moved.minimum == Rules().negative.minimum


def test_a_rule_that_is_off_stays_as_it_is() -> None:
    rules = Rules(volume=Rules().volume.model_copy(update={"enabled": False}))
    assert fitted(rules, Heights(), 7.0, 10.0).volume == rules.volume
