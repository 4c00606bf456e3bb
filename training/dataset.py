"""Labelled sets in, examples and batches out.

A set is a gzipped CSV with a text column, a label column per task and a split column (train, valid, test).
Two sets may label the same text for different heads. A text that any set uses for testing or validation
never trains any head.
"""

import csv
import gzip
import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from inference.encode import Encoder, clean
from training.config import Emphasis, LabelledSet

UNLABELLED = -100  # torch.nn.functional.cross_entropy ignores this target


class Batch(NamedTuple):
    """One optimiser step's input: ids and mask of shape (texts, tokens), targets and weights per head and text."""

    ids: list[list[int]]
    targets: dict[str, list[int]]
    weights: list[float]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text: the set it is from, the head it teaches, the label's place there, how much it counts."""

    text: str
    head: str
    target: int
    split: str
    source: str
    file: str
    weight: float = 1.0


def same_text_key(text: str) -> str:
    """Texts with equal keys are the same text up to case, addresses and punctuation.

    >>> same_text_key("Tesla: UP 5%! https://t.co/x") == same_text_key("tesla up 5")
    True
    """
    return re.sub(r"\W+", " ", clean(text).lower()).strip()


def snapshot_sha256(paths: Iterable[Path]) -> str:
    """A sha256 over the uncompressed content of the sets, in order: what data a model was made from."""
    digest = hashlib.sha256()
    for path in paths:
        with gzip.open(path, "rb") as lines:
            digest.update(lines.read())
    return digest.hexdigest()


def read_set(labelled: LabelledSet, labels: Sequence[str], folder: Path) -> list[Example]:
    """Every example of one set.

    Raises:
        ValueError: a column is missing or a label is unknown; names the file, the row and the column.
    """
    path = folder / labelled.file
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"text", labelled.label, "split"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path.name} has no column {', '.join(sorted(missing))}; it has {rows.fieldnames}")
        examples = []
        for number, row in enumerate(rows, start=2):
            label = row[labelled.label]
            if label not in labels:
                raise ValueError(f"{path.name} row {number}: {labelled.label} is {label!r}, not one of {list(labels)}")
            source = row.get("source") or labelled.file.split(".")[0]
            target = labels.index(label)
            examples.append(Example(clean(row["text"]), labelled.head, target, row["split"], source, labelled.file))
    return examples


def without_leaks(examples: Sequence[Example]) -> list[Example]:
    """The examples minus training texts that any head validates or tests on, minus validation texts that any tests on."""
    tested = {same_text_key(e.text) for e in examples if e.split == "test"}
    validated = {same_text_key(e.text) for e in examples if e.split == "valid"}
    held_out = {"train": tested | validated, "valid": tested, "test": set[str]()}
    return [e for e in examples if same_text_key(e.text) not in held_out[e.split]]


def emphasised(examples: Sequence[Example], emphasis: Emphasis, labels: Sequence[str]) -> list[Example]:
    """Training examples with the emphasis applied: contradicting ones dropped, agreeing ones weighted.

    Sets labelled for the direction of a price call an arrest or a sanction "neutral". Their labels are left as they
    are wherever quality is measured; in training such rows teach nothing, and the rows that agree count more.
    """
    pattern = re.compile(emphasis.pattern, re.IGNORECASE)
    drop = {labels.index(label) for label in emphasis.drop}
    keep = labels.index(emphasis.label)
    out = []
    for e in examples:
        if e.split == "train" and e.head == emphasis.head and pattern.search(e.text):
            if e.target in drop:
                continue
            if e.target == keep:
                out.append(replace(e, weight=emphasis.weight))
                continue
        out.append(e)
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


def batches_of(
    examples: Sequence[Example], encoder: Encoder, heads: Sequence[str], size: int, seed: int
) -> list[Batch]:
    """Shuffled batches of near-equal length, heads mixed.

    Sorting is within runs of 50 batches, so padding is small and a batch still mixes what the shuffle mixed.
    """
    rng = random.Random(seed)  # noqa: S311 - an order that repeats is wanted
    order = list(examples)
    rng.shuffle(order)
    ids = encoder.encode([e.text for e in order])
    places = list(range(len(order)))
    batches = []
    for run in _runs(places, 50 * size):
        run.sort(key=lambda i: len(ids[i]))
        batches += [_batch([order[i] for i in part], [ids[i] for i in part], heads) for part in _runs(run, size)]
    rng.shuffle(batches)
    return batches


def _runs(items: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _batch(examples: Sequence[Example], ids: list[list[int]], heads: Sequence[str]) -> Batch:
    targets = {h: [e.target if e.head == h else UNLABELLED for e in examples] for h in heads}
    return Batch(ids, targets, [e.weight for e in examples])
