"""Stories: which documents are near-duplicates of which, within 48 h of event time: pure, over an index in memory.

`ingest.story_store` does the same over Redis; tests/ingest/test_story_index.py is one suite for both.

The law, for one document at a time:

1. A document that was placed before keeps its place: the position is idempotent by document id.
2. What is published over KEPT_MS before the newest document seen is a story of its own and is not remembered.
3. Buckets that lie wholly before that are forgotten.
4. Candidates are the stories of the same language that share a band, their first document within WINDOW_MS.
5. The one most like it by `text.story.likeness`, if that is at least SAME, is its story (the earliest of equals, then
   the smaller id); the document's position is one more than the story's last.
6. Else the document is the first of a new story.

A story is compared by its first document alone, so stories cannot drift, and what one costs is bounded: its features are
at most 166 bytes and its bands at most 19 (measured by tests/bench/ingest_speed.py), kept for KEPT_MS of event time. A slot
of a band holds the SLOT_STORIES newest stories of its bucket: a phrase that every headline shares cannot grow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.clock import HOUR_MS
from text.story import SAME, Telling, likeness

WINDOW_MS = 48 * HOUR_MS
KEPT_MS = 72 * HOUR_MS  # the window, and a day for what comes late
BUCKET_MS = 12 * HOUR_MS
SLOT_STORIES = 8


@dataclass(frozen=True, slots=True)
class Sighting:
    """A document as clustering sees it.

    Attributes:
        document: its id, 32 digits.
        event_ms: when it was published.
        telling: None for a text with nothing to compare.
    """

    document: str
    lang: str
    event_ms: int
    telling: Telling | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands.

    Attributes:
        story: id of the story, that of its first document.
        position: 1 = novel.
        repeat: whether this document had been placed before.
    """

    story: str
    position: int
    repeat: bool


class StoryIndex(Protocol):
    """Finds the stories of documents, or creates them."""

    def place(self, sightings: Sequence[Sighting]) -> list[Place]:
        """The places of documents, in order."""


@dataclass(slots=True)
class _Story:
    event_ms: int
    features: bytes
    documents: int = 1


@dataclass(slots=True)
class _Bucket:
    """What was first published, or placed, in a span of BUCKET_MS."""

    stories: dict[str, _Story] = field(default_factory=dict)
    bands: dict[tuple[str, bytes], list[str]] = field(default_factory=dict)
    documents: dict[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryStoryIndex:
    """The index of one process: for a backtest, and for the laws' tests."""

    newest_ms: int = 0
    buckets: dict[int, _Bucket] = field(default_factory=dict)

    def place(self, sightings: Sequence[Sighting]) -> list[Place]:
        """The places of documents, in order."""
        return [self._place(sighting) for sighting in sightings]

    def _place(self, sighting: Sighting) -> Place:
        for bucket in self.buckets.values():
            known = bucket.documents.get(sighting.document)
            if known:
                return Place(*known, repeat=True)
        self.newest_ms = max(self.newest_ms, sighting.event_ms)
        horizon_ms = self.newest_ms - KEPT_MS
        if sighting.event_ms < horizon_ms:
            return Place(sighting.document, 1, repeat=False)
        for number in [number for number in self.buckets if (number + 1) * BUCKET_MS <= horizon_ms]:
            del self.buckets[number]

        own = self.buckets.setdefault(sighting.event_ms // BUCKET_MS, _Bucket())
        found = self._most_similar(sighting)
        if found is None:
            place = Place(sighting.document, 1, repeat=False)
            self._create(own, sighting)
        else:
            story = self.buckets[found[0]].stories[found[1]]
            story.documents += 1
            place = Place(found[1], story.documents, repeat=False)
        own.documents[sighting.document] = (place.story, place.position)
        return place

    def _most_similar(self, sighting: Sighting) -> tuple[int, str] | None:
        """(bucket, story) of the most similar story, if one is similar enough."""
        if sighting.telling is None:
            return None
        best: tuple[int, int, str] | None = None
        best_bucket = 0
        first = (sighting.event_ms - WINDOW_MS) // BUCKET_MS
        last = (sighting.event_ms + WINDOW_MS) // BUCKET_MS
        for number in sorted(number for number in self.buckets if first <= number <= last):
            bucket = self.buckets[number]
            candidates = {
                story for band in sighting.telling.bands for story in bucket.bands.get((sighting.lang, band), ())
            }
            for candidate in candidates:
                story = bucket.stories[candidate]
                if abs(story.event_ms - sighting.event_ms) > WINDOW_MS:
                    continue
                like = likeness(story.features, sighting.telling.features)
                rank = (-like, story.event_ms, candidate)
                if like >= SAME and (best is None or rank < best):
                    best, best_bucket = rank, number
        return (best_bucket, best[2]) if best else None

    @staticmethod
    def _create(bucket: _Bucket, sighting: Sighting) -> None:
        if sighting.telling is None:
            return
        bucket.stories[sighting.document] = _Story(sighting.event_ms, sighting.telling.features)
        for band in sighting.telling.bands:
            slot = bucket.bands.setdefault((sighting.lang, band), [])
            slot.append(sighting.document)
            del slot[:-SLOT_STORIES]
