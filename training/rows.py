"""What a snapshot is made of: one text with all that is known of it, and the checksum over many."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import get_args

from contracts.messages import Sentiment, Topic
from inference.encode import clean

SPLITS = ("train", "valid", "test")
SENTIMENTS: tuple[str, ...] = get_args(Sentiment)
TOPICS: tuple[str, ...] = get_args(Topic)


@dataclass(frozen=True, slots=True, order=True)
class LabelledMention:
    """Characters start..end of the text name someone, towards whom the text is negative, neutral or positive."""

    name: str
    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One text of a snapshot.

    Attributes:
        text: as the model reads it (`settled`).
        lang: en or zh.
        source: the set it is from; `a+b` where two sets label the same text.
        licence: SPDX; `A AND B` where two sets label it.
        split: train, valid or test.
        sentiment: None where nobody said.
        topic: None where nobody said.
        mentions: by place in the text.
        weight: how much it counts in training; 1 is a text labelled once.
    """

    text: str
    lang: str
    source: str
    licence: str
    split: str
    sentiment: str | None = None
    topic: str | None = None
    mentions: tuple[LabelledMention, ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no snapshot may hold.

        Raises:
            ValueError: naming the field and what it may be.
        """
        for name, value, known in (
            ("split", self.split, SPLITS),
            ("sentiment", self.sentiment, (None, *SENTIMENTS)),
            ("topic", self.topic, (None, *TOPICS)),
            ("lang", self.lang, ("en", "zh")),
            *(("a mention's label", m.label, SENTIMENTS) for m in self.mentions),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}, not one of {', '.join(k for k in known if k is not None)}")
        if not self.text or self.text != clean(self.text):
            raise ValueError(f"text {self.text[:60]!r} is empty or not clean")
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"weight is {self.weight}, not a positive number")

    @property
    def labelled(self) -> bool:
        """Whether anything is known of the text."""
        return self.sentiment is not None or self.topic is not None or bool(self.mentions)


def settled(text: str) -> str:
    """`clean`, until nothing changes: some sets hold texts that were escaped twice (`&amp;nbsp;`).

    >>> settled("AMCON&amp;nbsp; GAAP EPS")
    'AMCON GAAP EPS'
    """
    after = clean(text)
    while after != text:
        text, after = after, clean(after)
    return after


def same_text_key(text: str) -> str:
    """Texts with equal keys are the same text up to case, addresses and punctuation.

    >>> same_text_key("Tesla: UP 5%! https://t.co/x") == same_text_key("tesla up 5")
    True
    """
    return re.sub(r"\W+", " ", settled(text).lower()).strip()


def mentions_of(labels: Mapping[str, str], text: str) -> tuple[LabelledMention, ...]:
    """Where each name first stands in a text, longer names first, so that `LIC` is not looked for in `LIC Housing`.

    A name stands as a word of its own before it stands in a word, as written before in another case.

    Raises:
        ValueError: a name is not in the text.
    """
    taken: list[tuple[int, int]] = []
    found = []
    for name in sorted(labels, key=lambda name: (-len(name), name)):
        spans = list(_places(name, text))
        if not spans:
            raise ValueError(f"{name!r} is not in {text[:80]!r}")
        free = [span for span in spans if all(span[1] <= a or b <= span[0] for a, b in taken)]
        span = (free or spans)[0]
        taken.append(span)
        found.append(LabelledMention(text[slice(*span)], *span, labels[name]))
    return tuple(sorted(found, key=lambda m: (m.start, m.end)))


def _places(name: str, text: str) -> Iterable[tuple[int, int]]:
    literal = re.escape(settled(name))
    alone = rf"(?<![^\W_]){literal}(?![^\W_])"
    for pattern, flags in ((alone, 0), (literal, 0), (alone, re.IGNORECASE), (literal, re.IGNORECASE)):
        if literal:
            yield from (found.span() for found in re.finditer(pattern, text, flags))


def content_sha256(rows: Iterable[Row]) -> str:
    """One checksum over the rows, whatever their order.

    Each row is JSON with its fields by name and no spaces, in UTF-8; the lines are sorted by their bytes.
    """
    lines = sorted(
        json.dumps(asdict(row), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() for row in rows
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest()
