"""What a batch's logits are pulled towards."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from training.batches import UNLABELLED, Batch
from training.config import Distillation, Head
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


def batch_loss(
    logits: Mapping[str, Tensor],
    batch: Batch,
    heads: Sequence[Head],
    classes: Mapping[str, Tensor],
    smoothing: float,
    distil: Distillation | None = None,
) -> Tensor:
    """The sum over heads of each text's or mention's loss, to be divided by the texts of the whole step.

    Where there is a label: cross-entropy with label smoothing, times (1 - p of the label) ** gamma with `focal_gamma`
    (Lin et al. 2017, "Focal loss for dense object detection", equation 5). Where a teacher spoke: `distil.weight` times
    the squared temperature times the divergence from its probabilities at that temperature (Hinton et al. 2015), and
    1 - `distil.weight` times the former.
    """
    # Every head is in the sum even where nothing is labelled for it: processes that share gradients need them all.
    total = sum((z.float().sum() * 0.0 for z in logits.values()), torch.zeros(()))
    for head in heads:
        z = logits[head.name].float()
        soft = batch.soft[head.name]
        losses = _by_label(z, batch.targets[head.name], head, classes[head.name], smoothing)
        if distil is not None and any(row is not None for row in soft):
            spoke = torch.tensor([float(row is not None) for row in soft], device=z.device)
            teacher = torch.tensor([row or (0.0,) * len(head.labels) for row in soft], device=z.device)
            said = log_softmax(teacher / distil.temperature, dim=1)
            answer = log_softmax(z / distil.temperature, dim=1)
            apart = kl_div(answer, said, reduction="none", log_target=True).sum(dim=1) * distil.temperature**2
            losses = losses * (1 - distil.weight * spoke) + apart * distil.weight * spoke
        total = total + head.loss_weight * (losses * torch.tensor(batch.weights[head.name], device=z.device)).sum()
    return total


def _by_label(logits: Tensor, targets: Sequence[int], head: Head, classes: Tensor, smoothing: float) -> Tensor:
    """The loss of each text or mention under its label; 0 where it has none."""
    wanted = torch.tensor(targets, dtype=torch.int64, device=logits.device)
    losses = cross_entropy(
        logits,
        wanted,
        weight=classes.to(logits.device),
        ignore_index=UNLABELLED,
        label_smoothing=smoothing,
        reduction="none",
    )
    if head.focal_gamma:
        of_label = logits.softmax(dim=1).gather(1, wanted.clamp(min=0).unsqueeze(1)).squeeze(1)
        losses = losses * (1 - of_label) ** head.focal_gamma
    return losses
