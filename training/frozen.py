"""The frozen test splits: which texts test, with which labels, as fingerprints that ship with the product.

A figure means something only as long as what it is measured on stays the same. A text that tests once tests for ever.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.rows import Row
from training.sources import DATA

FILE = DATA / "frozen_tests.csv.gz"


class FrozenChanged(ValueError):
    """A test split is not what it was; says which texts and what to do."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """64 bits of the sha256 of a text, and 32 of its labels; enough against mistakes."""

    source: str
    text: str
    labels: str


def fingerprint(row: Row) -> Fingerprint:
    """Of a row that tests."""
    labels = [row.sentiment, row.topic, sorted([m.name, m.label] for m in row.mentions)]
    return Fingerprint(row.source, text_hash(row.text), _hash(json.dumps(labels, ensure_ascii=False))[:8])


def text_hash(text: str) -> str:
    """64 bits of the sha256 of a text, in hexadecimal."""
    return _hash(text)[:16]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_frozen(path: Path = FILE) -> list[Fingerprint]:
    """The fingerprints that are written down."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [Fingerprint(**row) for row in csv.DictReader(lines)]


def check_frozen(tests: Iterable[Row], given: Iterable[Row], frozen: Iterable[Fingerprint]) -> None:
    """Prove that each frozen test text tests as it did, and that no source with frozen texts has new ones.

    Args:
        tests: what tests now, merged.
        given: every row as its source gave it, to say where a text went.
        frozen: what was written down.

    Raises:
        FrozenChanged: naming how many texts changed, moved or came, and the first.
    """
    now = {made.text: (made, row) for row in tests for made in [fingerprint(row)]}
    elsewhere = {text_hash(row.text): row for row in given if row.split != "test"}
    written = list(frozen)
    wrong: list[tuple[str, str]] = []
    for was in written:
        if was.text in now:
            if now[was.text][0].labels != was.labels:
                wrong.append((was.source, f"has other labels: {now[was.text][1].text[:80]!r}"))
        elif was.text in elsewhere:
            moved = elsewhere[was.text]
            wrong.append((was.source, f"moved to {moved.split}: {moved.text[:80]!r}"))
        else:
            wrong.append((was.source, f"is gone or reads otherwise (fingerprint {was.text})"))
    sources, known = {was.source for was in written}, {was.text for was in written}
    wrong += [
        (row.source, f"is new: {row.text[:80]!r}")
        for made, row in now.values()
        if made.text not in known and made.source in sources
    ]
    if wrong:
        source, what = wrong[0]
        raise FrozenChanged(
            f"the test split is frozen and {len(wrong)} of its texts changed; the first, of {source}, {what}. "
            "Put the file back as it was; a new test is a new source"
        )


def freeze(rows: Sequence[Row], path: Path = FILE) -> int:
    """Write down the test texts of sources that have none written down yet; how many came. Others stay as they are."""
    frozen = read_frozen(path) if path.is_file() else []
    known = {was.source for was in frozen}
    new = [made for row in rows if row.split == "test" for made in [fingerprint(row)] if made.source not in known]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source", "text", "labels"])
    writer.writerows(sorted((one.source, one.text, one.labels) for one in [*frozen, *new]))
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    return len(new)
