"""The labelled sets of linking and clustering, as the measurements and the tests read them."""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[1] / "ingest" / "data"
HARD_SET = DATA / "linking_hard_set.txt"
PAIRS = DATA / "story_pairs.txt"
_MARK = re.compile(r"\[\[(.+?)\|([a-z0-9_.-]+)\]\]")
_SENTENCE = re.compile(r"(?<=[.。])\s*")


@dataclass(frozen=True, slots=True)
class HardText:
    """A text with its true mentions: (start, end, entity id) in title, newline, body."""

    number: int
    title: str
    body: str
    mentions: frozenset[tuple[int, int, str]]

    @property
    def entities(self) -> set[str]:
        """The ids of the true entities."""
        return {entity for _, _, entity in self.mentions}


@dataclass(frozen=True, slots=True)
class Story:
    """One telling of a story."""

    title: str
    body: str
    lang: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tellings, and whether a desk would file them under one story."""

    number: int
    kind: str
    lang: str
    same: bool
    first: Story
    second: Story


@dataclass(frozen=True, slots=True)
class NamedText:
    """A text, the names that its annotators found in it, and its number in the file."""

    text: str
    names: frozenset[str]


def hard_set() -> list[HardText]:
    """The hand-written hard set of linking."""
    return [_marked(number, line) for number, line in enumerate(_lines(HARD_SET), 1)]


def story_pairs() -> list[Pair]:
    """The labelled pairs of clustering."""
    pairs: list[Pair] = []
    label, kind, lang = "", "", ""
    for line in _lines(PAIRS):
        if line.startswith("[") and " || " not in line:
            label, kind, lang = line.strip("[]").split()
            continue
        left, _, right = line.partition(" || ")
        title, _, body = left.partition(" ¶ ")
        other, _, written = right.partition(" ¶ ")
        second = Story(other, _body(written, body), _lang(other, lang))
        pairs.append(Pair(len(pairs) + 1, kind, lang, label == "same", Story(title, body, _lang(title, lang)), second))
    return pairs


def named_texts(path: Path, split: str | None = None) -> list[NamedText]:
    """FinEntity or SEntFiN: one text with all names that were found in it.

    Args:
        path: gzipped CSV with the columns text and entity.
        split: only rows of this split.
    """
    names: dict[str, set[str]] = defaultdict(set)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if split is None or row["split"] == split:
                names[row["text"]].add(row["entity"].strip())
    return [NamedText(text, frozenset(found)) for text, found in names.items()]


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(";;"):
            yield line


def _marked(number: int, line: str) -> HardText:
    line = line.replace(" ¶ ", "\n")
    text, mentions, at = "", set(), 0
    for found in _MARK.finditer(line):
        text += line[at : found.start()]
        mentions.add((len(text), len(text) + len(found[1]), found[2]))
        text += found[1]
        at = found.end()
    title, _, body = (text + line[at:]).partition("\n")
    return HardText(number, title, body, frozenset(mentions))


def _body(written: str, first: str) -> str:
    if not written.startswith("="):
        return written
    if written.startswith("=+"):
        return first + written[2:]
    count = int(written[1:] or 0)
    return " ".join(_SENTENCE.split(first)[:count]) if count else first


def _lang(title: str, lang: str) -> str:
    return lang if lang != "mixed" else ("zh" if any("\u4e00" <= sign <= "\u9fff" for sign in title) else "en")


def halves(numbers: Iterable[int]) -> tuple[list[int], list[int]]:
    """(seen, exam): odd numbers may be looked at while building, even ones may not."""
    numbers = list(numbers)
    return [n for n in numbers if n % 2], [n for n in numbers if not n % 2]
