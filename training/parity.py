"""What a bundle's files get right on the frozen test texts, and how far they are from the checkpoint in torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from inference.engine import Answer, Engine, Logits, Padded
from training.base import Base
from training.config import Export, Head, Recipe
from training.dataset import Example
from training.evaluate import Parity, Quality, parity, quality
from training.events import Event, Said, hear
from training.model import build


class ParityLost(RuntimeError):
    """A file answers too differently from the checkpoint to be shipped; the message says which head and how much."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured.

    Attributes:
        quality: head, and head:set, -> figures of the int8 file.
        parity: head -> the int8 file against the checkpoint.
        parity_half: head -> the 16-bit file against the checkpoint.
        events: what the int8 file says of known days.
    """

    quality: Mapping[str, Quality]
    parity: Mapping[str, Parity]
    parity_half: Mapping[str, Parity]
    events: Sequence[Said]


class TorchSession:
    """The checkpoint behind the engine's port, so that parity compares nothing but the networks."""

    def __init__(self, recipe: Recipe, base: Base, checkpoint: Path) -> None:
        self._model = build(recipe, base)
        self._model.load_state_dict(load_file(checkpoint / "best.safetensors"))
        self._model.eval()

    def run(self, batch: Padded) -> dict[str, Logits]:
        """Logits per head."""
        with torch.inference_mode():
            logits = self._model(*(torch.from_numpy(part) for part in batch))
        return {head: z.numpy() for head, z in logits.items()}


def measure(
    recipe: Recipe, served: Engine, reference: Engine, half: Engine, test: Sequence[Example], events: Sequence[Event]
) -> Figures:
    """Ask all three engines every test text once."""
    texts = [e.text for e in test]
    mentions = [[[(m.start, m.end)] for m in e.mentions] for e in test]
    answers, wanted, by_half = (engine.answer(texts, mentions) for engine in (served, reference, half))
    found: dict[str, Quality] = {}
    gaps: dict[str, Parity] = {}
    half_gaps: dict[str, Parity] = {}
    for head in recipe.heads:
        rows = _rows(head, test, wanted)
        if not rows:
            continue
        said = _probabilities(answers, head, rows)
        truth = _probabilities(wanted, head, rows)
        gaps[head.name] = parity(said, truth)
        half_gaps[head.name] = parity(_probabilities(by_half, head, rows), truth)
        targets = torch.tensor([target for *_, target in rows])
        found[head.name] = quality(said.log(), targets, head.labels)
        of_row = [test[place].source for place, *_ in rows]
        for source in sorted(set(of_row)) if len(set(of_row)) > 1 else ():
            own = torch.tensor([n for n, name in enumerate(of_row) if name == source])
            found[f"{head.name}:{source}"] = quality(said[own].log(), targets[own], head.labels)
    return Figures(found, gaps, half_gaps, hear(served, events))


def hold_to(limits: Export, figures: Figures) -> None:
    """Refuse a file whose likeliest labels differ from the checkpoint's in more than the recipe allows.

    One text is allowed to any set: of few texts it would be a large share, and says nothing.

    Raises:
        ParityLost: with all that is beyond.
    """
    beyond = [
        f"{file} {head}: {100 * p.changed:.2f} % of {p.texts} labels differ, {100 * limit:g} % may"
        for file, measured, limit in (
            ("int8", figures.parity, limits.changed_int8),
            ("fp16", figures.parity_half, limits.changed_fp16),
        )
        for head, p in measured.items()
        if p.changed > limit and p.changed * p.texts > 1
    ]
    if beyond:
        raise ParityLost("; ".join(beyond))


def _rows(head: Head, test: Sequence[Example], answers: Sequence[Answer]) -> list[tuple[int, int, int]]:
    """(place of the text, place of the mention in it, target) of what is labelled for a head and not cut away."""
    if head.reads == "text":
        return [(place, -1, e.targets[head.name]) for place, e in enumerate(test) if head.name in e.targets]
    return [
        (place, n, m.targets[head.name])
        for place, e in enumerate(test)
        for n, m in enumerate(e.mentions)
        if head.name in m.targets and answers[place].mentions[n] is not None
    ]


def _probabilities(answers: Sequence[Answer], head: Head, rows: Sequence[tuple[int, int, int]]) -> Tensor:
    out = []
    for place, mention, _ in rows:
        heads = answers[place].heads if mention < 0 else answers[place].mentions[mention]
        out.append(list((heads or {})[head.name].values()))
    return torch.tensor(out, dtype=torch.float64)
