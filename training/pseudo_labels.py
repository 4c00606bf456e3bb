"""Self-training: texts that nobody labelled (training/unlabelled.py), with a finished model's answer where it is sure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from training.checkpoints import Loaded
from training.config import Head
from training.dataset import Example
from training.predict import logits_by_text
from training.rows import same_text_key

PSEUDO = "pseudo-labels"


def pseudo_labelled(
    texts: Sequence[str], loaded: Loaded, heads: Sequence[Head], confidence: float, known: Collection[str]
) -> list[Example]:
    """Training examples from the texts, labelled under each head where the likeliest label reaches the confidence.

    Args:
        texts: cleaned; a text that occurs twice is asked once.
        loaded: the model that answers, at its own temperatures.
        heads: of the recipe; those that read the text and that the model has are answered.
        confidence: 0..1.
        known: `same_text_key` of texts that are labelled, in any split: they are left alone.
    """
    unseen = {same_text_key(t): t for t in texts if t}
    asked = [text for key, text in unseen.items() if key not in known]
    said = logits_by_text(loaded.model, loaded.reader, asked, [()] * len(asked))
    out: list[dict[str, int]] = [{} for _ in asked]
    for head in heads:
        if head.reads != "text" or head.name not in said or not asked:
            continue
        top, place = (torch.stack(said[head.name]) / loaded.temperatures[head.name]).softmax(dim=1).max(dim=1)
        for n in (top >= confidence).nonzero().flatten().tolist():
            out[n][head.name] = int(place[n])
    return [
        Example(text, "train", PSEUDO, PSEUDO, targets) for text, targets in zip(asked, out, strict=True) if targets
    ]
