"""Labelled sets in, examples out.

A set is a gzipped CSV or a gzipped file of JSON lines: a text, a split (train, valid, test) and what it teaches.
Several sets may label the same text: where their splits agree it becomes one example with all the labels, read in
one pass. A text that any set uses for testing or validation never trains any head.
"""

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inference.encode import clean
from training.config import Emphasis, Head, LabelledSet
from training.left_out import mark, read_left_out
from training.rows import same_text_key


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters start..end of a text name someone.

    Attributes:
        targets: per head that reads mentions, the label's place there.
        soft: per head, a teacher's logits.
    """

    start: int
    end: int
    targets: Mapping[str, int]
    soft: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """One text and all that is known of it.

    Attributes:
        targets: per head that reads the text, the label's place there.
        weights: how much the text counts under a head; 1 where a head is not named.
        soft: per head that reads the text, a teacher's logits.
    """

    text: str
    split: str
    source: str
    file: str
    targets: Mapping[str, int] = field(default_factory=dict)
    mentions: tuple[Mention, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    soft: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def snapshot_sha256(paths: Iterable[Path]) -> str:
    """A sha256 over the uncompressed content of the sets, in order: what data a model was made from."""
    digest = hashlib.sha256()
    for path in paths:
        with gzip.open(path, "rb") as lines:
            digest.update(lines.read())
    return digest.hexdigest()


def span_of(name: str, text: str) -> tuple[int, int] | None:
    """Where a name stands in a text: as a word of its own, else as written, else in any case; the first place.

    >>> span_of("ABB", "CABB sues ABB"), span_of("tesla", "Tesla up"), span_of("Tesla", "oil")
    ((10, 13), (0, 5), None)
    """
    literal = re.escape(name)
    for pattern, flags in (
        (rf"(?<![^\W_]){literal}(?![^\W_])", 0),
        (literal, 0),
        (rf"(?<![^\W_]){literal}(?![^\W_])", re.IGNORECASE),
        (literal, re.IGNORECASE),
    ):
        found = re.search(pattern, text, flags)
        if found:
            return found.span()
    return None


def read_set(labelled: LabelledSet, heads: Sequence[Head], folder: Path) -> list[Example]:
    """Every example of one set, a text once per row.

    Raises:
        ValueError: a column is missing or a label is unknown; names the file, the row and the column.
    """
    path = folder / labelled.file
    taught = [head for head in heads if head.name in labelled.teaches]
    unknown = set(labelled.teaches) - {head.name for head in heads}
    if unknown:
        raise ValueError(f"{labelled.file} teaches {', '.join(sorted(unknown))}, which is no head of the recipe")
    examples = []
    for number, row in _rows(path, labelled, heads):
        text = clean(row["text"])
        targets: dict[str, int] = {}
        named: dict[str, dict[str, int]] = {}
        for head in taught:
            column = labelled.teaches[head.name]
            said = row[column]
            if head.reads == "text":
                targets[head.name] = _place(said, head, f"{path.name} row {number}: {column}")
                continue
            pairs = said if isinstance(said, dict) else {row["entity"]: said}
            for name, label in pairs.items():
                place = _place(label, head, f"{path.name} row {number}: {column}")
                named.setdefault(clean(name), {})[head.name] = place
        spans = [(span_of(name, text), mentioned) for name, mentioned in named.items()]
        mentions = tuple(Mention(*span, mentioned) for span, mentioned in spans if span is not None)
        if targets or mentions:
            source = row.get("source") or labelled.file.split(".")[0]
            examples.append(Example(text, row["split"], source, labelled.file, targets, mentions))
    return examples


def _rows(path: Path, labelled: LabelledSet, heads: Sequence[Head]) -> Iterator[tuple[int, dict[str, Any]]]:
    wanted = {"text", "split", *labelled.teaches.values()}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        if path.name.endswith((".jsonl.gz", ".json.gz")):
            for number, line in enumerate(lines, start=1):
                row = json.loads(line)
                if wanted - set(row):
                    raise ValueError(f"{path.name} row {number} has no {', '.join(sorted(wanted - set(row)))}")
                yield number, row
            return
        if any(head.reads == "mention" and head.name in labelled.teaches for head in heads):
            wanted.add("entity")
        rows = csv.DictReader(lines)
        missing = wanted - set(rows.fieldnames or ())
        if missing:
            raise ValueError(f"{path.name} has no column {', '.join(sorted(missing))}; it has {rows.fieldnames}")
        yield from enumerate(rows, start=2)


def _place(label: str, head: Head, where: str) -> int:
    if label not in head.labels:
        raise ValueError(f"{where} is {label!r}, not one of {head.labels}")
    return head.labels.index(label)


def merged(examples: Sequence[Example]) -> list[Example]:
    """Rows of the same words and split as one example, of the file that comes first.

    A head that two rows label differently is not taught by that text; a name that two rows label differently neither.
    """
    groups: dict[tuple[str, str], list[Example]] = {}
    for e in examples:
        groups.setdefault((e.text, e.split), []).append(e)
    return [rows[0] if len(rows) == 1 else _union(rows) for rows in groups.values()]


def _union(rows: Sequence[Example]) -> Example:
    mentions: dict[tuple[int, int], list[Mapping[str, int]]] = {}
    for row in rows:
        for m in row.mentions:
            mentions.setdefault((m.start, m.end), []).append(m.targets)
    agreed = [(span, _agreed(said)) for span, said in mentions.items()]
    return replace(
        rows[0],
        targets=_agreed([row.targets for row in rows]),
        mentions=tuple(Mention(*span, targets) for span, targets in agreed if targets),
    )


def _agreed(said: Sequence[Mapping[str, int]]) -> dict[str, int]:
    places: dict[str, set[int]] = {}
    for targets in said:
        for head, target in targets.items():
            places.setdefault(head, set()).add(target)
    return {head: found.pop() for head, found in places.items() if len(found) == 1}


def without_leaks(examples: Sequence[Example]) -> list[Example]:
    """The examples minus training texts that any head validates or tests on, minus validation texts that any tests on.

    And minus those that nearly repeat such a text: the sets that ship were compared once (training/left_out.py).
    """
    tested = {same_text_key(e.text) for e in examples if e.split == "test"}
    validated = {same_text_key(e.text) for e in examples if e.split == "valid"}
    held_out = {"train": tested | validated, "valid": tested, "test": set[str]()}
    left_out = read_left_out()
    return [
        e
        for e in examples
        if same_text_key(e.text) not in held_out[e.split]
        and (e.split == "test" or mark(e.split, e.text) not in left_out)
    ]


def emphasised(examples: Sequence[Example], emphasis: Emphasis, labels: Sequence[str]) -> list[Example]:
    """Training examples with the emphasis applied: contradicting labels dropped, agreeing ones weighted.

    Sets labelled for the direction of a price call an arrest or a sanction "neutral". Their labels are left as they
    are wherever quality is measured; in training such labels teach nothing, and those that agree count more.
    Texts of a source in `trusted` were labelled by the rule of this product and are left as they are.
    """
    pattern = re.compile(emphasis.pattern, re.IGNORECASE)
    drop = {labels.index(label) for label in emphasis.drop}
    keep = labels.index(emphasis.label)
    out = []
    for e in examples:
        target = e.targets.get(emphasis.head)
        if e.split != "train" or target is None or e.file in emphasis.trusted or not pattern.search(e.text):
            out.append(e)
        elif target in drop:
            targets = {head: place for head, place in e.targets.items() if head != emphasis.head}
            if targets or e.mentions:
                out.append(replace(e, targets=targets))
        elif target == keep:
            out.append(replace(e, weights={**e.weights, emphasis.head: emphasis.weight}))
        else:
            out.append(e)
    return out
