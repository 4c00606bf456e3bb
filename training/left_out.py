"""Which texts of the sets that ship neither train nor validate: what their snapshot leaves out, as fingerprints.

Made by `tocsin data freeze` and shipped, so that a training on these sets need not compare all texts again.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from training.frozen import text_hash
from training.rows import Row, same_text_key
from training.sources import DATA

FILE = DATA / "left_out.txt.gz"


def mark(split: str, text: str) -> str:
    """The fingerprint of a text in a split; the same for the same text in another case or punctuation."""
    return text_hash(f"{split} {same_text_key(text)}")


def marks_of(given: Iterable[Row], kept: Iterable[Row]) -> set[str]:
    """The fingerprints of the rows that were given to train or validate and that a snapshot did not keep."""
    stayed = {mark(row.split, row.text) for row in kept}
    return {mark(row.split, row.text) for row in given if row.split != "test"} - stayed


def write_left_out(marks: Iterable[str], path: Path = FILE) -> None:
    """One fingerprint a line, sorted."""
    path.write_bytes(gzip.compress("".join(f"{one}\n" for one in sorted(marks)).encode(), mtime=0))


@cache
def read_left_out(path: Path = FILE) -> frozenset[str]:
    """The fingerprints that were written down."""
    return frozenset(gzip.decompress(path.read_bytes()).decode().split())
