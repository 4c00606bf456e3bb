"""How good a head is, from its logits and the targets: accuracy, F1, calibration, confusion."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

import inference.quality
from inference.quality import Quality as Quality  # noqa: PLC0414 - training's name for it too


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
    return inference.quality.quality(logits.double().softmax(dim=1).numpy(), targets.numpy(), labels)


def parity(said: Tensor, wanted: Tensor) -> Parity:
    """Compare probabilities of shape (texts, labels)."""
    gaps = (said - wanted).abs().amax(dim=1)
    return Parity(
        texts=len(said),
        changed=float((said.argmax(dim=1) != wanted.argmax(dim=1)).double().mean()),
        mean_gap=float(gaps.mean()),
        largest_gap=float(gaps.max()),
    )


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
