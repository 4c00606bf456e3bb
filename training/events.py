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
    """What was said of an event's documents.

    Attributes:
        negative: how many were called negative.
        expected_negative: the sum of their probabilities of being so.
        contrary: the titles that were called against the event's polarity.
    """

    event: Event
    negative: int
    expected_negative: float
    contrary: tuple[str, ...]


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
        called = negatives(engine, event.titles)
        mostly = event.polarity == "negative"
        contrary = tuple(title for title, (top, _) in zip(event.titles, called, strict=True) if top != mostly)
        said.append(Said(event, sum(top for top, _ in called), round(sum(p for _, p in called), 2), contrary))
    return said


def negatives(engine: Engine, titles: Sequence[str]) -> list[tuple[bool, float]]:
    """Per title, whether negative is its likeliest sentiment, and negative's probability."""
    answers = engine.answer([compose(title, "", DEFAULT_MAX_TOKENS) for title in titles])
    heads = [answer.heads["sentiment"] for answer in answers]
    return [(max(head, key=lambda label: head[label]) == "negative", head["negative"]) for head in heads]
