"""What may train: one row per text, no contradiction, nothing that nearly repeats what measures.

Steps:
1. Rows of the same text and split become one row; a label that two of them contradict is dropped, and the row with it
   when nothing is left. Texts are the same up to case, addresses and punctuation; two texts that test are so only
   when they are equal, so that a test keeps every one of its texts.
2. A text that tests neither validates nor trains; one that validates does not train.
3. A text that nearly repeats (`training.near_duplicates`) one that tests, or one of the held-out texts, neither
   validates nor trains, whatever set and language each is from.
4. A text that nearly repeats one that trains does not validate: what is chosen by the validation set (when to stop,
   the temperatures) would otherwise be chosen by memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from training.near_duplicates import LENSES, Comparison
from training.rows import LabelledMention, Row, same_text_key

PRECEDENCE = {"test": 0, "valid": 1, "train": 2}


@dataclass(slots=True)
class LeftOut:
    """How many rows were left out: (source, split, why) -> count. A merged row counts as one less."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, row: Row, why: str) -> None:
        """Take note of a row."""
        self.rows[row.source, row.split, why] += 1


def merged(rows: Iterable[Row], left_out: LeftOut) -> list[Row]:
    """Steps 1 and 2: every text once, in one split."""
    return _one_split_per_text(_one_row_per_text(rows, left_out), left_out)


def leak_free(
    kept: Sequence[Row],
    held_out: Mapping[str, Sequence[str]],
    left_out: LeftOut,
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Row]:
    """Steps 3 and 4: the rows that may stay, in the canonical order: split, source, text.

    Args:
        kept: what `merged` gives.
        held_out: texts that are no rows and that nothing may repeat, by the reason that the card gives.
        left_out: takes note of what is dropped.
        done: told how far the comparison of texts has come, and of how much.
    """
    tested = [row for row in kept if row.split == "test"]
    taught = [row for row in kept if row.split != "test"]
    measures = {"repeats a test text": [row.text for row in tested], **held_out}
    names = [name for name, texts in measures.items() for _ in texts]
    texts = [row.text for row in taught] + [text for texts in measures.values() for text in texts]
    of = len(LENSES) * len(texts)
    so_far = 0

    def read(count: int) -> None:
        nonlocal so_far
        so_far += count
        done(so_far, of)

    comparison = Comparison(texts, done=read)
    leaks = comparison.near_duplicates(range(len(taught)), range(len(taught), len(texts)))
    for place, other in leaks.items():
        left_out.add(taught[place], names[other - len(taught)])
    clear = [place for place in range(len(taught)) if place not in leaks]
    trained = [place for place in clear if taught[place].split == "train"]
    known = comparison.near_duplicates([place for place in clear if taught[place].split == "valid"], trained)
    for place in known:
        left_out.add(taught[place], "repeats a training text")
    final = tested + [taught[place] for place in clear if place not in known]
    return sorted(final, key=lambda row: (row.split, row.source, row.text))


def _one_row_per_text(rows: Iterable[Row], left_out: LeftOut) -> list[Row]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        exact = row.text if row.split == "test" else ""
        groups.setdefault((row.split, same_text_key(row.text) or row.text, exact), []).append(row)
    kept = []
    for group in groups.values():
        row = group[0] if len(group) == 1 else _union(group)
        if row.labelled:
            kept.append(row)
        else:
            left_out.add(row, "contradicting labels")
    return kept


def _union(rows: Sequence[Row]) -> Row:
    first = rows[0]
    named: dict[str, set[str]] = {}
    for row in rows:
        for mention in row.mentions:
            named.setdefault(mention.name.casefold(), set()).add(mention.label)
    mentions = {
        (m.start, m.end): m
        for row in rows
        if row.text == first.text
        for m in row.mentions
        if len(named[m.name.casefold()]) == 1
    }
    return replace(
        first,
        source="+".join(sorted({row.source for row in rows})),
        licence=" AND ".join(sorted({row.licence for row in rows})),
        sentiment=_agreed(row.sentiment for row in rows),
        topic=_agreed(row.topic for row in rows),
        mentions=tuple(sorted(mentions.values(), key=_place)),
        weight=max(row.weight for row in rows),
    )


def _place(mention: LabelledMention) -> tuple[int, int]:
    return mention.start, mention.end


def _agreed(labels: Iterable[str | None]) -> str | None:
    said = {label for label in labels if label is not None}
    return said.pop() if len(said) == 1 else None


def _one_split_per_text(rows: Sequence[Row], left_out: LeftOut) -> list[Row]:
    best: dict[str, int] = {}
    for row in rows:
        key = same_text_key(row.text) or row.text
        best[key] = min(best.get(key, 9), PRECEDENCE[row.split])
    kept = []
    for row in rows:
        rank = best[same_text_key(row.text) or row.text]
        if PRECEDENCE[row.split] == rank:
            kept.append(row)
        else:
            left_out.add(row, "repeats a test text" if rank == 0 else "repeats a validation text")
    return kept
