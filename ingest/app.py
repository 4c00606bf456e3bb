"""All sources of one ingest process: each replay in a thread, all live ones in one; the watchlist in another.

An unexpected error in any of them ends the process, loudly.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from contracts import metrics
from contracts.clock import Clock
from contracts.settings import Settings
from ingest.addresses import read_networks
from ingest.cluster import StoryIndex
from ingest.cursor import LIVE_DAYS_KEPT, CursorStore, connect
from ingest.fetch import Fetcher
from ingest.link_reload import WatchedLinker
from ingest.live import Live
from ingest.outlet import Outlet
from ingest.ownership import Ownership, StageLimit
from ingest.pipeline import Pipeline
from ingest.relink_store import WatchlistLoop
from ingest.source import SourceLoop
from ingest.source_kinds import LiveSpec, ReplaySource
from ingest.sources_file import read_sources
from ingest.story_store import RedisStoryIndex

DEFAULT_KEY = "tocsin"
LOOK_S = 0.2  # between two looks at whether a source has failed
log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event, environment: Mapping[str, str] = os.environ) -> None:
    """Publish from every source of `sources.yaml` until `stop` is set.

    Raises:
        UserError: a file, setting or secret that cannot be used, naming what to do.
        Unavailable: Redis did not answer, or Kafka did not while a replay ran; whoever supervises this process starts it again.
    """
    links = WatchedLinker(settings.ingest.watchlist)
    sources = read_sources(settings.ingest.sources)
    if not sources:
        log.warning("there are no sources; add one", file=str(settings.ingest.sources))
    loops: list[tuple[str, Runs]] = [
        (source.name, source_loop(source, links, settings, clock))
        for source in sources
        if isinstance(source, ReplaySource)
    ]
    lives = [source for source in sources if isinstance(source, LiveSpec)]
    if lives:
        loops.append(("live", live_loop(lives, links, settings, clock, environment)))
    loops.append(("watchlist", WatchlistLoop(links, connect(settings.redis), settings.kafka.bootstrap, clock)))
    failed: list[BaseException] = []
    threads = [threading.Thread(target=_guarded, args=(name, loop, stop, failed), name=name) for name, loop in loops]
    for thread in threads:
        thread.start()
    while not stop.is_set():
        clock.sleep(LOOK_S)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Runs(Protocol):
    """What a thread of this process runs."""

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""


def source_loop(source: ReplaySource, links: WatchedLinker, settings: Settings, clock: Clock) -> SourceLoop:
    """The loop of one replayed source, with connections of its own."""
    redis = connect(settings.redis)
    store = CursorStore(redis, source.name, settings.ingest.lease_s)
    pipeline = _pipeline(RedisStoryIndex(redis), links, settings)
    return SourceLoop(source, settings.ingest, settings.kafka.bootstrap, pipeline, store, clock)


def live_loop(
    specs: Sequence[LiveSpec],
    links: WatchedLinker,
    settings: Settings,
    clock: Clock,
    environment: Mapping[str, str],
) -> Live:
    """The loop of all live sources, which share their connections."""
    ingest = settings.ingest
    if ingest.author_key.get_secret_value() == DEFAULT_KEY:
        log.warning(
            "authors are hashed with a key that everybody knows: set TOCSIN_INGEST__AUTHOR_KEY, or ..._KEY_FILE, to a secret"
        )
    networks = read_networks(ingest.private_networks)
    redis = connect(settings.redis)
    outlet = Outlet(settings.kafka.bootstrap, ingest.lease_s * 0.8, ingest.scorer_group, clock)
    pipeline, stage = _pipeline(RedisStoryIndex(redis), links, settings), StageLimit()
    ownerships = [
        Ownership(
            spec, ingest, pipeline, CursorStore(redis, spec.name, ingest.live_lease_s, LIVE_DAYS_KEPT), outlet, clock,
            stage=stage,
        )
        for spec in specs
    ]  # fmt: skip

    def fetcher() -> Fetcher:
        return Fetcher(clock, networks, interval_s=ingest.host_interval_s, contact=ingest.contact)

    return Live(ownerships, outlet, ingest, environment, clock, fetcher)


def _pipeline(stories: StoryIndex, links: WatchedLinker, settings: Settings) -> Pipeline:
    return Pipeline(
        links.current.entities,
        linkers=lambda: links.current,
        author_key=settings.ingest.author_key.get_secret_value().encode(),
        stories=stories,
        on_changes=_count,
    )


def _guarded(name: str, loop: Runs, stop: threading.Event, failed: list[BaseException]) -> None:
    try:
        loop.run(stop)
    except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
        # A thread that dies in silence would leave a process that looks alive.
        failed.append(error)
        stop.set()
        log.error("a source failed", source=name, why=str(error))  # noqa: TRY400 - raised by the main thread


def _count(changes: Sequence[str]) -> None:
    for reason in changes:
        metrics.NORMALISE_CHANGES.labels(reason).inc()
