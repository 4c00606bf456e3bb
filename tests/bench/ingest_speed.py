"""What ingest can carry on one core, and what a story costs. Prints figures; asserts nothing.

    python -m tests.bench.ingest_speed     the pure parts; stories in Redis with REDIS_URL=redis://host:port/0, which is
                                           emptied; the replay to Kafka with KAFKA=host:port, where the topics are

Figures are documents per second of this process's own CPU time, so that a busy machine does not blur them; wall time is
printed beside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.clock import HOUR_MS, WallClock
from contracts.watchlist import WatchedEntity, read_watchlist
from ingest.cluster import MemoryStoryIndex, Sighting
from ingest.normalise import item_from, normalise
from ingest.pipeline import Pipeline
from ingest.publisher import Publisher
from ingest.replay import Row, read_rows
from text.language import language
from text.story import telling

MAPPING = {"time": "ts", "source": "source", "title": "title"}
DOCUMENTS = 20_000


@dataclass
class Figures:
    """Rows of the table."""

    table: Table

    @contextmanager
    def measure(self, what: str, documents: int) -> Iterator[None]:
        """Time a block that handles `documents` documents."""
        cpu, wall = time.process_time(), time.monotonic()
        yield
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        self.table.add_row(what, f"{documents / cpu:,.0f}", f"{documents / wall:,.0f}")


def _stream() -> list[tuple[int, dict[str, Any]]]:
    """The 2022 headlines, over and over, moved by 200 days each time, until there are enough."""
    path = Path(str(resources.files("tocsin").joinpath("streams", "crypto_2022_en_3src.csv.gz")))
    rows = [row.values for row in read_rows(path, MAPPING) if isinstance(row, Row)]
    out = []
    for number in range(DOCUMENTS):
        values = dict(rows[number % len(rows)])
        values["id"] = f"{number}"
        out.append((number, values))
    return out


def _watchlist() -> list[WatchedEntity]:
    path = Path(str(resources.files("tocsin").joinpath("templates", "watchlist.yaml")))
    return read_watchlist(path)


def _pure(figures: Figures) -> None:
    rows, watchlist = _stream(), _watchlist()
    language("warm up: the model is loaded on first use")
    items = [item_from(values, source="bench", fetched_ms=1_700_000_000_000) for _, values in rows]
    with figures.measure("normalise, language included", DOCUMENTS):
        drafts = [normalise(item, b"key")[0] for item in items]
    linker = Pipeline(watchlist).linker
    with figures.measure(f"link, {len(watchlist)} entities", DOCUMENTS):
        for draft in drafts:
            linker.link(draft.title, draft.body)
    with figures.measure("what stories are compared by", DOCUMENTS):
        tellings = [telling(draft.title) for draft in drafts]
    index = MemoryStoryIndex()
    with figures.measure("place in memory", DOCUMENTS):
        for draft, one in zip(drafts, tellings, strict=True):
            index.place([Sighting(draft.id, draft.lang, draft.published_ms, one)])
    with figures.measure("whole pipeline in memory", DOCUMENTS):
        for _ in Pipeline(watchlist).documents(rows):
            pass


def _redis(figures: Figures, url: str) -> None:
    from redis import Redis

    from ingest.story_store import RedisStoryIndex

    redis = Redis.from_url(url)
    redis.flushdb()
    before = redis.info("memory")["used_memory"]
    words = [f"word{number}" for number in range(4_000)]
    sightings = [
        Sighting(f"{number:032x}", "en", HOUR_MS * 500_000 + number * 1_000, telling(_sentence(words, number)))
        for number in range(DOCUMENTS)
    ]
    index = RedisStoryIndex(redis)
    with figures.measure("place in Redis, every document a story", DOCUMENTS):
        for start in range(0, DOCUMENTS, 250):
            index.place(sightings[start : start + 250])
    stories = redis.info("memory")["used_memory"] - before
    copies = [Sighting(f"{DOCUMENTS + n:032x}", "en", one.event_ms, one.telling) for n, one in enumerate(sightings)]
    with figures.measure("place in Redis, every document a copy", DOCUMENTS):
        for start in range(0, DOCUMENTS, 250):
            index.place(copies[start : start + 250])
    documents = redis.info("memory")["used_memory"] - before - stories
    figures.table.add_row(
        "bytes in Redis: a story / a copy", f"{stories / DOCUMENTS:,.0f}", f"{documents / DOCUMENTS:,.0f}"
    )
    redis.flushdb()


def _sentence(words: list[str], number: int) -> str:
    return " ".join(Random(number).choices(words, k=12))


def _kafka(figures: Figures, bootstrap: str) -> None:
    rows = _stream()
    pipeline = Pipeline([])
    publisher = Publisher(bootstrap, 30.0)
    linked = [pipeline.link(item_from(values, source="bench", fetched_ms=1_700_000_000_000)) for _, values in rows]
    places = pipeline.stories.place([one.sighting for one in linked])
    now = WallClock().wall_ms()
    with figures.measure("read, normalise and publish to Kafka (no linking, no clustering)", DOCUMENTS):
        for start in range(0, DOCUMENTS, 250):
            # All of a batch first, then all sends: the producer's thread would take turns with the work, as in `source`.
            for _, values in rows[start : start + 250]:
                normalise(item_from(values, source="bench", fetched_ms=now), b"key")
            for one, place in zip(linked[start : start + 250], places[start : start + 250], strict=True):
                publisher.document(one.document(place), {"fetch": now, "publish": now})
            publisher.flush()
    publisher.close()


def main() -> None:
    """Measure what the environment offers."""
    figures = Figures(Table("what", "a second of CPU", "a second of wall", title="ingest: documents"))
    parts: list[tuple[str, Callable[..., None]]] = [("REDIS_URL", _redis), ("KAFKA", _kafka)]
    _pure(figures)
    for variable, part in parts:
        if address := os.environ.get(variable):
            part(figures, address)
    Console().print(figures.table)


if __name__ == "__main__":
    main()
