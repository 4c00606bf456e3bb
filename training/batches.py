"""Examples in, batches out: which texts an epoch reads, in which order, cut into pieces, with their targets."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from inference.encode import Encoder, Pieces
from training.config import Head
from training.dataset import Example, Mention

UNLABELLED = -100  # torch.nn.functional.cross_entropy ignores this target


class Batch(NamedTuple):
    """One optimiser step's input.

    Attributes:
        ids: piece ids per text.
        mentions: per text, per mention, the places of its pieces.
        targets: per head, a label's place per text, or per mention in the order of `mentions`; UNLABELLED where none.
        weights: per head, how much each text or mention counts.
        soft: per head, a teacher's logits per text or mention; None where it has none.
        of_mentions: the heads whose lists go by mention.
    """

    ids: list[list[int]]
    mentions: list[list[tuple[int, ...]]]
    targets: dict[str, list[int]]
    weights: dict[str, list[float]]
    soft: dict[str, list[tuple[float, ...] | None]]
    of_mentions: frozenset[str]


class Reader(Encoder):
    """The encoder that serves, reading what training knows of a text."""

    def read(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[Pieces]:
        """The texts as pieces, with the places of their mentions' pieces."""
        return self.encode(texts, [[[(m.start, m.end)] for m in own] for own in mentions])


def epochs_of(examples: Sequence[Example], passes: Mapping[str, int], epochs: int, seed: int) -> list[list[Example]]:
    """Deal each file's examples over the epochs: a file is seen `passes` times in all, evenly spread."""
    shuffle = random.Random(seed).shuffle  # noqa: S311 - an order that repeats is wanted
    dealt: list[list[Example]] = [[] for _ in range(epochs)]
    for file, times in passes.items():
        own = [e for e in examples if e.file == file]
        line: list[Example] = []
        for _ in range(times):
            shuffle(own)
            line += own
        for epoch in range(epochs):
            dealt[epoch] += line[epoch * len(line) // epochs : (epoch + 1) * len(line) // epochs]
    return dealt


def batches_of(examples: Sequence[Example], reader: Reader, heads: Sequence[Head], size: int, seed: int) -> list[Batch]:
    """Shuffled batches of near-equal length, heads mixed.

    Sorting is within runs of 50 batches, so padding is small and a batch still mixes what the shuffle mixed.
    """
    rng = random.Random(seed)  # noqa: S311 - an order that repeats is wanted
    order = list(examples)
    rng.shuffle(order)
    pieces = reader.read([e.text for e in order], [e.mentions for e in order])
    places = list(range(len(order)))
    batches = []
    for run in _runs(places, 50 * size):
        run.sort(key=lambda i: len(pieces[i].ids))
        batches += [batch_of([order[i] for i in part], [pieces[i] for i in part], heads) for part in _runs(run, size)]
    rng.shuffle(batches)
    return batches


def _runs(items: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def batch_of(examples: Sequence[Example], pieces: Sequence[Pieces], heads: Sequence[Head]) -> Batch:
    """The examples as one batch; mentions behind the cut are left out."""
    seen = [
        [(m, places) for m, places in zip(e.mentions, p.mentions, strict=True) if places]
        for e, p in zip(examples, pieces, strict=True)
    ]
    targets: dict[str, list[int]] = {}
    weights: dict[str, list[float]] = {}
    soft: dict[str, list[tuple[float, ...] | None]] = {}
    for head in heads:
        read: list[tuple[Example, Example | Mention]] = [
            (e, part)
            for e, own in zip(examples, seen, strict=True)
            for part in ([m for m, _ in own] if head.reads == "mention" else [e])
        ]
        targets[head.name] = [part.targets.get(head.name, UNLABELLED) for _, part in read]
        weights[head.name] = [e.weights.get(head.name, 1.0) for e, _ in read]
        soft[head.name] = [part.soft.get(head.name) for _, part in read]
    return Batch(
        [p.ids for p in pieces],
        [[places for _, places in own] for own in seen],
        targets,
        weights,
        soft,
        frozenset(head.name for head in heads if head.reads == "mention"),
    )


def share_of(batch: Batch, process: int, processes: int) -> Batch:
    """The texts process, process + processes, ... of a batch, with their mentions; the batch itself for one process."""
    if processes == 1:
        return batch
    rows = list(range(process, len(batch.ids), processes)) or [0]
    idle = process >= len(batch.ids)  # fewer texts than processes: walk along, and learn nothing from it
    counts = [len(own) for own in batch.mentions]
    starts = [sum(counts[:row]) for row in range(len(counts))]
    flat = [n for row in rows for n in range(starts[row], starts[row] + counts[row])]

    def places(head: str) -> list[int]:
        return flat if head in batch.of_mentions else rows

    return Batch(
        [batch.ids[row] for row in rows],
        [batch.mentions[row] for row in rows],
        {head: [targets[n] for n in places(head)] for head, targets in batch.targets.items()},
        {head: [0.0 if idle else weights[n] for n in places(head)] for head, weights in batch.weights.items()},
        {head: [soft[n] for n in places(head)] for head, soft in batch.soft.items()},
        batch.of_mentions,
    )
