"""What a batch's logits are pulled towards."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training.batches import UNLABELLED, Batch
from training.config import Head
from training.dataset import Example


def class_weights(head: Head, training: Sequence[Example]) -> Tensor:
    """(mean n / n) ** power per class, scaled so that the mean example weighs 1."""
    counts = torch.zeros(len(head.labels))
    for e in training:
        for targets in [m.targets for m in e.mentions] if head.reads == "mention" else [e.targets]:
            if head.name in targets:
                counts[targets[head.name]] += 1
    if not counts.sum():
        return torch.ones(len(head.labels))
    weights = (counts.mean() / counts.clamp(min=1)) ** head.class_weight_power
    return weights * counts.sum() / (weights * counts).sum()


def labelled_loss(
    logits: Mapping[str, Tensor], batch: Batch, heads: Sequence[Head], classes: Mapping[str, Tensor], smoothing: float
) -> Tensor:
    """The sum over heads of each labelled text's or mention's weighted loss, per text of the batch.

    The loss is cross-entropy with label smoothing; with `focal_gamma` it is scaled by (1 - p of the label) ** gamma
    (Lin et al. 2017, "Focal loss for dense object detection", equation 5).
    """
    total = next(iter(logits.values())).new_zeros(())
    for head in heads:
        targets = torch.tensor(batch.targets[head.name], dtype=torch.int64)
        if not len(targets):
            continue
        losses = cross_entropy(
            logits[head.name],
            targets,
            weight=classes[head.name],
            ignore_index=UNLABELLED,
            label_smoothing=smoothing,
            reduction="none",
        )
        if head.focal_gamma:
            of_label = logits[head.name].softmax(dim=1).gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
            losses = losses * (1 - of_label) ** head.focal_gamma
        total = total + head.loss_weight * (losses * torch.tensor(batch.weights[head.name])).sum()
    return total / len(batch.ids)
