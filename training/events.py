"""What a bundle says of the documents of known events: days of crisis, and a day of excited good news.

No day that is measured here is in the labelled sets.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.encode import compose
from inference.engine import Engine
from inference.scoring import DEFAULT_MAX_TOKENS


@dataclass(frozen=True, slots=True)
class Event:
    """A day on which the titles that match a pattern are looked at. Polarity: what those documents mostly are."""

    entity: str
    day: str
    pattern: str
    polarity: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """Of an event's documents, how many were called negative, and the sum of their probability of being so."""

    event: Event
    negative: int
    expected_negative: float


def read_events(known_events: Path, stream: Path) -> list[Event]:
    """The events of one stream, with the titles that match on their day.

    Args:
        known_events: CSV with stream, entity, pattern, day (YYYY-MM-DD, UTC), polarity.
        stream: gzipped CSV with ts (UTC) and title; events whose `stream` is its name are read.
    """
    with gzip.open(stream, "rt", encoding="utf-8", newline="") as lines:
        rows = [(row["ts"][:10], row["title"]) for row in csv.DictReader(lines)]
    name = stream.name.removesuffix(".csv.gz")
    with known_events.open(encoding="utf-8", newline="") as lines:
        known = [row for row in csv.DictReader(lines) if row["stream"] == name]
    return [
        Event(
            entity=row["entity"],
            day=row["day"],
            pattern=row["pattern"],
            polarity=row["polarity"],
            titles=tuple(t for day, t in rows if day == row["day"] and re.search(row["pattern"], t)),
        )
        for row in known
    ]


def hear(engine: Engine, events: Iterable[Event]) -> list[Said]:
    """What the engine says of each event's titles."""
    said = []
    for event in events:
        negative = negatives(engine, event.titles)
        called = sum(is_top for is_top, _ in negative)
        said.append(Said(event, called, round(sum(p for _, p in negative), 2)))
    return said


def negatives(engine: Engine, titles: Sequence[str]) -> list[tuple[bool, float]]:
    """Per title, whether negative is its likeliest sentiment, and negative's probability."""
    answers = engine.answer([compose(title, "", DEFAULT_MAX_TOKENS) for title in titles])
    heads = [answer.heads["sentiment"] for answer in answers]
    return [(max(head, key=lambda label: head[label]) == "negative", head["negative"]) for head in heads]
