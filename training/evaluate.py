"""How good a head is, from its logits and the targets: accuracy, F1, calibration, confusion."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """One class: how many there are, and precision, recall and F1 in 0..1."""

    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Quality:
    """One head on one set.

    Attributes:
        macro_f1: mean F1 over the classes that occur in the targets.
        ece: expected calibration error of the top probability, 15 equal-width bins.
        confusion: rows are targets, columns are predictions, in label order.
    """

    n: int
    accuracy: float
    macro_f1: float
    ece: float
    per_class: dict[str, ClassQuality]
    confusion: list[list[int]]

    def brief(self) -> dict[str, float]:
        """The three figures that a line of log or a table shows."""
        return {"accuracy": round(self.accuracy, 4), "macro_f1": round(self.macro_f1, 4), "ece": round(self.ece, 4)}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Parity:
    """One head's probabilities by two networks over the same texts.

    Attributes:
        changed: share of texts whose likeliest label differs.
        mean_gap: mean over texts of the largest difference of a probability.
        largest_gap: the largest of all.
    """

    texts: int
    changed: float
    mean_gap: float
    largest_gap: float


def quality(logits: Tensor, targets: Tensor, labels: Sequence[str]) -> Quality:
    """Measure logits of shape (texts, labels) against integer targets of shape (texts,)."""
    predicted = logits.argmax(dim=1)
    confusion = torch.zeros((len(labels), len(labels)), dtype=torch.int64)
    confusion.index_put_((targets, predicted), torch.ones_like(targets), accumulate=True)
    per_class = {}
    for place, label in enumerate(labels):
        hit = int(confusion[place, place])
        n, called = int(confusion[place].sum()), int(confusion[:, place].sum())
        precision, recall = hit / called if called else 0.0, hit / n if n else 0.0
        f1 = 2 * hit / (n + called) if n + called else 0.0
        per_class[label] = ClassQuality(n, precision, recall, f1)
    present = [c.f1 for c in per_class.values() if c.n]
    return Quality(
        n=len(targets),
        accuracy=float((predicted == targets).double().mean()),
        macro_f1=sum(present) / len(present),
        ece=expected_calibration_error(logits.softmax(dim=1), targets),
        per_class=per_class,
        confusion=confusion.tolist(),
    )


def parity(said: Tensor, wanted: Tensor) -> Parity:
    """Compare probabilities of shape (texts, labels)."""
    gaps = (said - wanted).abs().amax(dim=1)
    return Parity(
        texts=len(said),
        changed=float((said.argmax(dim=1) != wanted.argmax(dim=1)).double().mean()),
        mean_gap=float(gaps.mean()),
        largest_gap=float(gaps.max()),
    )


def expected_calibration_error(probabilities: Tensor, targets: Tensor, bins: int = 15) -> float:
    """Mean gap between the top probability and how often it is right (Naeini et al. 2015, Guo et al. 2017).

    >>> expected_calibration_error(torch.tensor([[0.9, 0.1], [0.9, 0.1]]), torch.tensor([0, 0]))
    0.1
    """
    top, predicted = probabilities.max(dim=1)
    right = (predicted == targets).double()
    bin_of = (top * bins).long().clamp(max=bins - 1)
    gap = 0.0
    for place in range(bins):
        inside = bin_of == place
        if inside.any():
            gap += float(inside.double().mean() * (top[inside].double().mean() - right[inside].mean()).abs())
    return round(gap, 6)


def best_temperature(logits: Tensor, targets: Tensor) -> float:
    """The divisor of the logits that minimises cross-entropy (Guo et al. 2017), within 0.25 to 4.

    Cross-entropy is convex in 1 / temperature, so a golden-section search over it finds the minimum.
    """
    ratio = (5**0.5 - 1) / 2
    low, high = 0.25, 4.0
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(logits * left, targets) < cross_entropy(logits * right, targets):
            high = right
        else:
            low = left
    return round(2 / (low + high), 4)
