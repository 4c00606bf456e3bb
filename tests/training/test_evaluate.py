"""Figures by worked examples and against a second implementation."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from training.evaluate import best_temperature, parity, quality

pytestmark = pytest.mark.train


def test_accuracy_f1_and_confusion_are_those_of_scikit_learn() -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(500, 5), torch.randint(0, 5, (500,))
    measured = quality(logits, targets, list("abcde"))
    predicted = logits.argmax(dim=1)
    assert measured.accuracy == pytest.approx(accuracy_score(targets, predicted))
    assert measured.macro_f1 == pytest.approx(f1_score(targets, predicted, average="macro"))
    assert measured.confusion == confusion_matrix(targets, predicted).tolist()


def test_a_class_that_does_not_occur_does_not_count() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert quality(logits, torch.tensor([0, 1]), list("abc")).macro_f1 == 1.0


def test_calibration_error_is_the_gap_between_what_was_said_and_what_was_right() -> None:
    said = torch.tensor([[0.8, 0.2]] * 10)
    right = torch.tensor([0] * 6 + [1] * 4)
    assert quality(said.log(), right, list("ab")).ece == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_overconfident_logits_is_found(temperature: float) -> None:
    torch.manual_seed(2)
    honest = torch.randn(20_000, 3) * 2
    targets = torch.distributions.Categorical(logits=honest).sample()
    assert best_temperature(honest * temperature, targets) == pytest.approx(temperature, rel=0.05)


def test_parity_counts_changed_answers_and_measures_gaps() -> None:
    wanted = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    said = torch.tensor([[0.8, 0.2], [0.4, 0.6], [0.2, 0.8], [0.5, 0.5]])
    found = parity(said, wanted)
    assert (found.texts, found.changed) == (4, 0.25)
    assert found.mean_gap == pytest.approx(0.075)
    assert found.largest_gap == pytest.approx(0.2)
