"""Examples in, batches out: which texts an epoch reads, in which order, cut into pieces, with their targets."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from training.config import Head, LabelledSet
from training.dataset import Example, Mention

UNLABELLED = -100  # torch.nn.functional.cross_entropy ignores this target


class Pieces(NamedTuple):
    """One text as the network reads it: piece ids, and per mention the places of its pieces.

    A mention that lies behind the cut has no places.
    """

    ids: list[int]
    mentions: list[list[int]]


class Batch(NamedTuple):
    """One optimiser step's input.

    Attributes:
        ids: piece ids per text.
        mentions: per text, per mention, the places of its pieces.
        targets: per head, a label's place per text, or per mention in the order of `mentions`; UNLABELLED where none.
        weights: per head, how much each text or mention counts.
        texts: the texts themselves, for what is looked up by them.
    """

    ids: list[list[int]]
    mentions: list[list[list[int]]]
    targets: dict[str, list[int]]
    weights: dict[str, list[float]]
    texts: list[str]


class Reader:
    """A tokenizer file at a fixed length, with the prefix that the base was trained with before each text."""

    def __init__(self, tokenizer: Path, max_tokens: int, prefix: str = "") -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._prefix = prefix

    def read(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[Pieces]:
        """The texts as pieces, with the places of their mentions' pieces."""
        out = []
        shift = len(self._prefix)
        for encoding, own in zip(
            self._tokenizer.encode_batch([self._prefix + text for text in texts]), mentions, strict=True
        ):
            offsets = encoding.offsets
            places = [
                [n for n, (start, end) in enumerate(offsets) if max(start, m.start + shift) < min(end, m.end + shift)]
                for m in own
            ]
            out.append(Pieces(list(encoding.ids), places))
        return out


def epochs_of(examples: Sequence[Example], sets: Sequence[LabelledSet], epochs: int, seed: int) -> list[list[Example]]:
    """Deal each set's examples over the epochs: a set is seen `passes` times in all, evenly spread."""
    shuffle = random.Random(seed).shuffle  # noqa: S311 - an order that repeats is wanted
    dealt: list[list[Example]] = [[] for _ in range(epochs)]
    for labelled in sets:
        own = [e for e in examples if e.file == labelled.file]
        line: list[Example] = []
        for _ in range(labelled.passes):
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
    targets, weights = {}, {}
    for head in heads:
        labelled: list[tuple[Mapping[str, int], float]] = [
            (read, e.weights.get(head.name, 1.0))
            for e, own in zip(examples, seen, strict=True)
            for read in ([m.targets for m, _ in own] if head.reads == "mention" else [e.targets])
        ]
        targets[head.name] = [read.get(head.name, UNLABELLED) for read, _ in labelled]
        weights[head.name] = [weight for _, weight in labelled]
    return Batch(
        [p.ids for p in pieces],
        [[places for _, places in own] for own in seen],
        targets,
        weights,
        [e.text for e in examples],
    )
