"""Tail probabilities against scipy's distributions, which are slower and exact."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alerts.tails import EXACT_UP_TO, band, count_tail, evidence, odds_text, share_tail, so_few

MEANS = st.floats(1e-4, 500.0)
SHAPES = st.floats(0.05, 200.0)


@given(st.integers(1, 400), MEANS, SHAPES)
def test_the_count_tail_is_the_negative_binomial_survival_function(count: int, mean: float, shape: float) -> None:
    expected = float(stats.nbinom.sf(count - 1, shape, shape / (shape + mean)))
    assert isclose(count_tail(count, mean, shape), expected, rel_tol=1e-6, abs_tol=1e-290)


@given(st.integers(0, EXACT_UP_TO), st.integers(0, EXACT_UP_TO), st.floats(0.05, 30.0), st.floats(0.05, 30.0))
def test_up_to_48_texts_the_share_tail_is_the_beta_binomial_survival_function(
    negative: int, texts: int, alpha: float, beta: float
) -> None:
    expected = float(stats.betabinom.sf(negative - 1, texts, alpha, beta)) if negative <= texts else 0.0
    assert isclose(share_tail(negative, texts, alpha, beta), expected, rel_tol=1e-6, abs_tol=1e-12)


@pytest.mark.parametrize("texts", [49, 60, 100, 500])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_beyond_48_texts_its_logarithm_stays_within_a_tenth_of_the_exact_one(texts: int, share: float) -> None:
    alpha, beta = 30 * share, 30 * (1 - share)
    for negative in range(int(texts * share), int(texts * min(0.95, share + 0.45)), 3):
        exact = evidence(float(stats.betabinom.sf(negative - 1, texts, alpha, beta)))
        assert evidence(share_tail(negative, texts, alpha, beta)) == pytest.approx(exact, rel=0.1, abs=0.1)


@given(st.integers(0, 300), st.floats(0.01, 300.0))
def test_an_outage_is_judged_by_the_poisson_distribution(count: int, mean: float) -> None:
    assert isclose(so_few(count, mean), float(stats.poisson.cdf(count, mean)), rel_tol=1e-6, abs_tol=1e-290)


@given(st.floats(0.0, 200.0), st.floats(0.0, 200.0), MEANS, SHAPES)
def test_more_texts_are_never_less_surprising(one: float, other: float, mean: float, shape: float) -> None:
    few, many = sorted((one, other))
    assert count_tail(many, mean, shape) <= count_tail(few, mean, shape) + 1e-12


def test_nothing_expected_and_nothing_seen_have_answers() -> None:
    assert count_tail(0, 0.0, 0.3) == 1.0
    assert count_tail(1, 0.0, 0.3) == 0.0
    assert share_tail(0, 0, 1.0, 3.0) == 1.0
    assert evidence(0.0) == 300.0


@given(st.floats(0.0, 1000.0), SHAPES)
def test_the_band_of_a_chart_holds_what_is_expected(mean: float, shape: float) -> None:
    low, high = band(mean, shape)
    assert 0.0 <= low <= mean + 0.5
    assert high >= mean


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "<1e-8"), (1e-9, "<1e-8"), (1e-8, "1e-08"), (0.0123, "0.012"), (1.0, "1")]
)
def test_p_values_are_not_printed_deeper_than_they_are_calibrated(p: float, text: str) -> None:
    assert odds_text(p) == text
