"""kill -9 of the real process on the real Kafka and Redis: every item once, whatever the moment."""

from __future__ import annotations

import csv
import re
import signal
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Ingest

pytestmark = pytest.mark.system
ROWS = 2_000
START_S = 1_667_260_800  # 2022-11-01


def _write(path: Path, prefix: str, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "headline"])
        for number in range(rows):
            writer.writerow(
                [
                    START_S + number * 60,
                    f"{prefix} item {number}: FTX {number * 7919 % 1000} {'rises' if number % 2 else 'falls'}",
                ]
            )


def _source(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "replay", "path": path, "map": {"time": "when", "title": "headline"}, **more}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_item_is_published_once_through_kills_at_any_moment(ingest: Ingest, seed: int) -> None:
    random = Random(seed)
    names = [f"kill-{seed}-{letter}" for letter in "abc"]
    for name in names:
        _write(ingest.folder / f"{name}.csv", name, ROWS)
    ingest.sources(*(_source(name, f"{name}.csv") for name in names))

    for at in sorted(random.sample(range(1, 3 * ROWS), 5)):
        ingest.start()
        ingest.until(lambda at=at: ingest.published() >= at)  # type: ignore[misc]
        ingest.kill()
    ingest.start()
    ingest.until(ingest.done)

    assert re.search(r"read_back=[1-9]", ingest.log()), "a kill fell between sending and saving"
    documents = ingest.documents()
    counted = Counter(document.title.partition(":")[0] for document in documents)
    assert set(counted.values()) == {1}
    assert set(counted) == {f"{name} item {number}" for name in names for number in range(ROWS)}
    assert len({document.id for document in documents}) == 3 * ROWS
    assert ingest.stop() == 0


def test_a_second_process_waits_and_takes_over(ingest: Ingest) -> None:
    _write(ingest.folder / "takeover.csv", "takeover", ROWS)
    ingest.sources(_source("takeover", "takeover.csv"))
    ingest.start()
    ingest.until(lambda: ingest.published() > 0)
    standby = ingest.another()
    standby.start()
    ingest.kill()
    standby.until(standby.done)
    titles = [document.title for document in ingest.documents()]
    assert len(titles) == len(set(titles)) == ROWS


def test_an_owner_that_was_frozen_past_its_lease_sends_nothing_when_it_wakes(ingest: Ingest) -> None:
    # 10 rows at once, a gap of 10 s in which the owner is frozen for longer than its lease, then all others at once.
    _write(ingest.folder / "frozen.csv", "frozen", ROWS)
    gap = {"until": (START_S + 10 * 60 - 1) * 1000, "speed": 5.9}
    ingest.sources(_source("frozen", "frozen.csv", phases=[{"until": (START_S + 9 * 60 + 1) * 1000, "speed": 0}, gap]))
    ingest.environment["TOCSIN_INGEST__LEASE_S"] = "3"
    ingest.start()
    ingest.until(lambda: ingest.published() == 10)
    assert ingest.process is not None
    ingest.process.send_signal(signal.SIGSTOP)
    follower = ingest.another()
    follower.start()
    ingest.until(lambda: ingest.log().count("owning the source") == 2)
    follower.until(lambda: follower.published() > 0)
    ingest.process.send_signal(signal.SIGCONT)
    ingest.until(lambda: "lost the source" in ingest.log())
    follower.until(follower.done)
    titles = [document.title for document in ingest.documents()]
    assert len(titles) == len(set(titles)) == ROWS


def test_what_was_published_before_redis_was_lost_is_not_published_again(ingest: Ingest, redis_url: str) -> None:
    from redis import Redis

    _write(ingest.folder / "lost.csv", "lost", 500)
    ingest.sources(_source("lost", "lost.csv"))
    ingest.start()
    ingest.until(ingest.done)
    ingest.kill()
    Redis.from_url(redis_url).flushall()
    beats = len(ingest.heartbeats())
    ingest.start()
    ingest.until(lambda: any(beat.replay and beat.replay.done for beat in ingest.heartbeats()[beats:]))
    assert ingest.published() == 500


def test_a_second_kill_before_the_first_row_forgets_nothing(ingest: Ingest) -> None:
    """The first kill leaves a batch sent and unsaved; the next owners beat and are killed before they pass it."""
    _write(ingest.folder / "again.csv", "again", ROWS)
    ingest.sources(_source("again", "again.csv"))
    ingest.start()
    ingest.until(lambda: ingest.published() >= 1)
    ingest.kill()
    for _ in range(3):
        ingest.start()
        before = ingest.log().count("owning the source")
        ingest.until(lambda before=before: ingest.log().count("owning the source") > before)  # type: ignore[misc]
        ingest.kill()
    ingest.start()
    ingest.until(ingest.done)
    counted = Counter(document.title.partition(":")[0] for document in ingest.documents())
    assert counted == Counter({f"again item {number}": 1 for number in range(ROWS)})
