"""Figures by worked examples, by laws, and against a second implementation that counts text by text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.quality import expected_calibration_error, quality

LABELS = ("negative", "neutral", "positive")
Answers = tuple[NDArray[np.float64], NDArray[np.int64]]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Probabilities and true labels of 1 to 40 texts."""
    weights = st.tuples(*[st.integers(1, 50)] * len(LABELS))
    rows = draw(st.lists(st.tuples(weights, st.integers(0, len(LABELS) - 1)), min_size=1, max_size=40))
    probabilities = np.array([weight for weight, _ in rows], dtype=np.float64)
    return probabilities / probabilities.sum(axis=1, keepdims=True), np.array([target for _, target in rows])


def certain(predicted: list[int]) -> NDArray[np.float64]:
    return np.eye(len(LABELS))[predicted]


def test_a_worked_example() -> None:
    # truth       n n n n | u u | p p p p
    # predicted   n n n p | u n | p p p u
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    measured = quality(certain([0, 0, 0, 2, 1, 0, 2, 2, 2, 1]), truth, LABELS)
    assert measured.accuracy == pytest.approx(0.7)
    assert measured.confusion == [[3, 0, 1], [1, 1, 0], [0, 1, 3]]
    negative, neutral, positive = (measured.per_class[label] for label in LABELS)
    assert (negative.n, negative.precision, negative.recall, negative.f1) == (4, 0.75, 0.75, 0.75)
    assert (neutral.precision, neutral.recall, neutral.f1) == (0.5, 0.5, 0.5)
    assert (positive.precision, positive.recall, positive.f1) == (0.75, 0.75, 0.75)
    assert measured.macro_f1 == pytest.approx((0.75 + 0.5 + 0.75) / 3)
    # Every answer said 1.0 and 7 of 10 were right.
    assert measured.ece == pytest.approx(0.3)


def test_a_class_that_does_not_occur_counts_only_where_it_is_said() -> None:
    measured = quality(certain([0, 0, 1, 2]), np.array([0, 0, 2, 2]), LABELS)
    assert measured.per_class["neutral"].n == 0
    # negative 1, positive 2 x 1 / (2 + 1); neutral is in no mean.
    assert measured.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_calibration_error_is_the_gap_between_what_was_said_and_what_was_right() -> None:
    right = np.array([True] * 6 + [False] * 4)
    assert expected_calibration_error(np.full(10, 0.8), right) == pytest.approx(0.2)
    assert expected_calibration_error(np.full(10, 0.6), right) == pytest.approx(0.0)


def test_gaps_in_opposite_directions_cancel_within_a_bin_and_not_across_bins() -> None:
    right = np.array([True, False])
    assert expected_calibration_error(np.array([0.5, 0.5]), right) == 0.0
    assert expected_calibration_error(np.array([0.4, 0.9]), right) == pytest.approx((0.6 + 0.9) / 2)


def test_a_bin_holds_its_upper_edge() -> None:
    # 4 bins: 0.5 belongs to (0.25, 0.5], 0.51 and 0.75 to (0.5, 0.75].
    tops, right = np.array([0.5, 0.51, 0.75]), np.array([False, True, False])
    assert expected_calibration_error(tops, right, bins=4) == pytest.approx((0.5 + abs(0.51 + 0.75 - 1)) / 3, abs=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (1, 2)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shape"):
        quality(np.zeros(shape), np.zeros(min(shape[0], 1), dtype=np.int64), LABELS)


@given(answers())
def test_counting_text_by_text_gives_the_same_figures(given_answers: Answers) -> None:
    probabilities, targets = given_answers
    measured = quality(probabilities, targets, LABELS)
    said = [int(np.argmax(row)) for row in probabilities]
    pairs = list(zip(targets.tolist(), said, strict=True))
    assert measured.accuracy == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))
    for place, label in enumerate(LABELS):
        true_positives = pairs.count((place, place))
        false_positives = sum(p == place != t for t, p in pairs)
        false_negatives = sum(t == place != p for t, p in pairs)
        precision = true_positives / (true_positives + false_positives) if true_positives + false_positives else 0.0
        recall = true_positives / (true_positives + false_negatives) if true_positives + false_negatives else 0.0
        found = measured.per_class[label]
        assert (found.precision, found.recall) == pytest.approx((precision, recall))
        harmonic = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert found.f1 == pytest.approx(harmonic)


@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_the_texts_changes_nothing(given_answers: Answers, chance: object) -> None:
    probabilities, targets = given_answers
    order = list(range(len(targets)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    assert (
        quality(probabilities[order], targets[order], LABELS).confusion
        == quality(probabilities, targets, LABELS).confusion
    )
    assert quality(probabilities[order], targets[order], LABELS).ece == pytest.approx(
        quality(probabilities, targets, LABELS).ece, abs=2e-6
    )


@given(answers())
def test_figures_stay_in_their_bounds_and_the_matrix_holds_every_text_once(given_answers: Answers) -> None:
    measured = quality(*given_answers, LABELS)
    assert sum(map(sum, measured.confusion)) == measured.n
    assert [sum(row) for row in measured.confusion] == [c.n for c in measured.per_class.values()]
    assert 0 <= measured.macro_f1 <= 1
    assert 0 <= measured.ece <= 1
    trace = sum(measured.confusion[k][k] for k in range(len(LABELS)))
    assert measured.accuracy == pytest.approx(trace / measured.n)


@given(answers())
def test_right_and_certain_answers_are_perfect(given_answers: Answers) -> None:
    _, targets = given_answers
    measured = quality(np.eye(len(LABELS))[targets], targets, LABELS)
    assert (measured.accuracy, measured.macro_f1, measured.ece) == (1.0, 1.0, 0.0)
