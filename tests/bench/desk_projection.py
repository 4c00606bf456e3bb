"""How fast the desk writes scores into its database, how heavy its pages are, how fast it draws them, and how soon a transition shows.

    python -m tests.bench.desk_projection [SCORES]

One core projects: decoding, counting and writing are one thread's work, as in the desk's feed.
"""

from __future__ import annotations

import gzip
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time

from fastapi.testclient import TestClient

from contracts.clock import DAY_MS, HOUR_MS, ManualClock
from contracts.messages import MentionScore, Score, Topic, Transition
from contracts.settings import Desk
from desk.app import create_app
from desk.feed import FeedState
from desk.kafka_feed import MAX_RECORDS
from desk.projection import Record, project
from desk.store import Store
from tests.desk import made_up
from tests.desk.conftest import StandingFeed

TOPICS = Topic.__args__  # type: ignore[attr-defined]
OPEN_ALERTS = 200


def scores(count: int) -> Iterator[Score]:
    """Scores as a busy stream has them: 14 topics, 500 entities, one mention each on average, a month of event time."""
    rng = random.Random(3)
    for n in range(count):
        rest = rng.random()
        topic = rng.choice(TOPICS)
        spread = dict.fromkeys(TOPICS, (1 - rest) / 13) | {topic: rest + 0.1}
        negative = rng.random() ** 3
        sentiment = {"negative": negative, "neutral": (1 - negative) * 0.7, "positive": (1 - negative) * 0.3}
        mentions = [
            MentionScore(entity=f"entity-{int(rng.paretovariate(0.6)) % 500}", relevance=70, sentiment=sentiment)
            for _ in range(rng.randrange(3))
        ]
        yield made_up.score(n, made_up.NOW - 30 * DAY_MS + n * 100, entity=None, p=negative, topic=topic).model_copy(
            update={
                "topic": {name: min(p, 1.0) for name, p in spread.items()},
                "mentions": mentions,
                "snippet": f"{made_up.HEADLINES[n % 8]} ({n})" * 2,
            }
        )


def projection(folder: Path, count: int) -> Store:
    """Print the rate of projecting `count` scores in the feed's batches."""
    records: list[Record] = made_up.records(list(scores(count)))
    store = Store(folder / "desk.sqlite")
    started, used = perf_counter(), process_time()
    decoding = 0.0
    for at in range(0, count, MAX_RECORDS):
        before = perf_counter()
        batch = project(records[at : at + MAX_RECORDS])
        decoding += perf_counter() - before
        store.apply(batch)
    wall, cpu = perf_counter() - started, process_time() - used
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"projection of scores: {count / cpu:,.0f}/s on one core, {count / wall:,.0f}/s on this machine as it is now")
    print(f"{count:,} scores took {cpu:.1f} s of the core and {wall:.1f} s in all, {decoding:.1f} s of them decoding")
    print(f"database: {size / count:,.0f} bytes a document")
    return store


def pages(store: Store) -> None:
    """Print weight and time of the pages, with OPEN_ALERTS alerts open."""
    steps: list[Transition] = []
    for n in range(OPEN_ALERTS):
        steps += made_up.life(
            f"entity:entity-{n}",
            onset_ms=made_up.NOW - n * HOUR_MS // 8,
            severity=("critical", "warning", "info")[n % 3],
        )
    store.apply(project(made_up.records([*steps, made_up.heartbeat("bench", made_up.NOW)], first=store.marks())))
    feed = StandingFeed(FeedState(reachable=True, since_ms=made_up.NOW))
    with TestClient(create_app(Desk(), store, feed, ManualClock(made_up.NOW)), base_url="http://127.0.0.1") as client:
        assets = sum(len(client.get(f"/static/{name}").content) for name in ("desk.css", "desk.js", "icon.svg"))
        packed = sum(
            len(gzip.compress(client.get(f"/static/{name}").content)) for name in ("desk.css", "desk.js", "icon.svg")
        )
        print(f"style, script and icon: {packed / 1024:.1f} KiB on the wire ({assets / 1024:.1f} KiB)")
        for name, path in (
            (f"board, {OPEN_ALERTS} open", "/"),
            ("evidence", f"/alert/{steps[0].alert}"),
            ("whole state", "/board/state"),
        ):
            client.get(path)
            taken = []
            for _ in range(10):
                started = perf_counter()
                answer = client.get(path)
                taken.append(perf_counter() - started)
            weight = len(gzip.compress(answer.content, 5))
            print(f"{name}: {weight / 1024:.1f} KiB on the wire, {sorted(taken)[5] * 1000:.0f} ms to draw")


def main() -> None:
    """Both."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        store = projection(Path(folder), count)
        pages(store)
        store.close()


if __name__ == "__main__":
    main()
