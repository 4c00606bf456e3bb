"""How good answers are, from probabilities and the true labels: accuracy, F1, calibration, confusion. Pure.

Training, `tocsin evaluate` and the benchmarks measure by these functions, so their figures may stand in one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """One class: how many texts are of it, and precision, recall and F1 in 0..1; 0 where nothing defines them."""

    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Quality:
    """One head on one set.

    Attributes:
        macro_f1: mean F1 over the classes that occur in the targets; a class that does not occur costs only the
            precision and recall of those it was mistaken for.
        ece: expected calibration error of the top probability, ECE_BINS equal-width bins.
        per_class: label -> its figures, every label, in label order.
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


def quality(probabilities: NDArray[np.float64], targets: NDArray[np.int64], labels: Sequence[str]) -> Quality:
    """Measure probabilities of shape (texts, labels) against true labels as places in `labels`, shape (texts,).

    Raises:
        ValueError: there is no text, or the shapes do not fit.
    """
    if not len(targets) or probabilities.shape != (len(targets), len(labels)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(targets)} texts and {len(labels)} labels"
        )
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (targets, predicted), 1)
    per_class = {}
    for place, label in enumerate(labels):
        hit, n, called = (int(x) for x in (confusion[place, place], confusion[place].sum(), confusion[:, place].sum()))
        per_class[label] = ClassQuality(
            n=n,
            precision=hit / called if called else 0.0,
            recall=hit / n if n else 0.0,
            f1=2 * hit / (n + called) if n + called else 0.0,
        )
    present = [c.f1 for c in per_class.values() if c.n]
    return Quality(
        n=len(targets),
        accuracy=float((predicted == targets).mean()),
        macro_f1=sum(present) / len(present),
        ece=expected_calibration_error(probabilities.max(axis=1), predicted == targets),
        per_class=per_class,
        confusion=confusion.tolist(),
    )


def expected_calibration_error(top: NDArray[np.float64], right: NDArray[np.bool_], bins: int = ECE_BINS) -> float:
    """Mean gap between the top probability and how often it is right, over equal-width bins (Guo et al. 2017, eq. 3).

    Args:
        top: the highest probability per text, in 0..1; shape (texts,).
        right: whether its label is the true one; shape (texts,).
        bins: bin m of M holds the probabilities in ((m - 1) / M, m / M].

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, True]))
    0.1
    """
    bin_of = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
    # Per bin: (its texts / all texts) x |mean probability - share right| = |sum of both's differences| / all texts.
    gaps = np.bincount(bin_of, weights=top - right, minlength=bins)
    return round(float(np.abs(gaps).sum() / len(top)), 6)
