"""What the host of live sources decides, told by a clock that stands still: when a source is looked at again, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from contracts.clock import ManualClock
from contracts.settings import Ingest
from ingest.live import Live
from ingest.ownership import STAGE_WINDOW, StageLimit
from ingest.port import Health, SourceTrouble
from ingest.source_kinds import RssSource

NOON = 1_667_908_800_000


@dataclass
class Owner:
    """As much of an ownership as a decision looks at."""

    spec: RssSource = RssSource(name="feed", kind="rss", url="https://x.example/", every_s=60, at_least_every_s=600)  # noqa: RUF009 - frozen
    health: Health = field(default_factory=Health)
    cursor: Any = field(default_factory=lambda: SimpleNamespace(interval_s=0.0, moved_ms=0))


def live() -> Live:
    return Live([], SimpleNamespace(), Ingest(), {}, ManualClock(NOON), SimpleNamespace)  # type: ignore[arg-type,return-value]


def test_a_source_that_fails_is_tried_later_and_later_and_shown_as_stopped_at_the_third_time() -> None:
    host, owner, random, waits = live(), Owner(), Random(1), []
    for failure in range(1, 9):
        waits.append(host._troubled(owner, SourceTrouble("timeout", "too slow"), random))  # type: ignore[arg-type]
        assert bool(owner.health.why) == (failure >= 3)
    assert all(15 <= wait <= 3_600 for wait in waits)
    assert waits[-1] > 10 * waits[0]
    assert owner.health.why == "cannot be read: too slow"


def test_what_the_publisher_asks_for_is_kept() -> None:
    host = live()
    wait_s = host._troubled(Owner(), SourceTrouble("http_429", "slow down", retry_after_s=7_200), Random(1))  # type: ignore[arg-type]
    assert wait_s == 7_200


def test_what_only_a_person_can_mend_is_tried_once_more_and_then_rarely() -> None:
    host, owner = live(), Owner()
    gone = SourceTrouble("http_410", "gone", lasting=True)
    assert host._troubled(owner, gone, Random(1)) <= 30  # type: ignore[arg-type]
    assert owner.health.why == "cannot be read: gone"
    assert host._troubled(owner, gone, Random(1)) > 5 * 3_600  # type: ignore[arg-type]


def test_after_a_restart_a_feed_is_asked_when_it_is_due_and_not_at_once() -> None:
    host, owner = live(), Owner()
    owner.cursor = SimpleNamespace(interval_s=300.0, moved_ms=NOON - 100_000)
    assert 200 <= host._first_wait_s(owner, Random(1)) <= 201  # type: ignore[arg-type]
    owner.cursor = SimpleNamespace(interval_s=300.0, moved_ms=NOON - 900_000)
    assert host._first_wait_s(owner, Random(1)) <= 1  # type: ignore[arg-type]


def test_when_most_of_what_all_sources_bring_is_rubbish_the_stage_pauses_and_says_why() -> None:
    stage, settings = StageLimit(), Ingest(pause_s=600)
    for _ in range(STAGE_WINDOW // 10):
        stage.add(10, 5, NOON, settings)
    assert stage.why(NOON) == "", "half is not more than half"
    for _ in range(10):
        stage.add(10, 10, NOON, settings)
    assert "ingest is paused" in stage.why(NOON)
    assert stage.why(NOON + 600_000) == ""
