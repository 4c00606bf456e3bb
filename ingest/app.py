"""All sources of one ingest process, each in a thread. An error in any of them ends the process, loudly."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from contracts import metrics
from contracts.clock import Clock
from contracts.settings import Settings
from contracts.watchlist import WatchedEntity, read_watchlist
from ingest.cursor import CursorStore, connect
from ingest.pipeline import Pipeline
from ingest.source import SourceLoop
from ingest.sources_file import ReplaySource, read_sources
from ingest.story_store import RedisStoryIndex

LOOK_S = 0.2  # between two looks at whether a source has failed
log = structlog.get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event) -> None:
    """Publish from every source of `sources.yaml` until `stop` is set.

    Raises:
        UserError: a file that cannot be used, naming what to do.
        Unavailable: Kafka or Redis did not answer; whoever supervises this process starts it again.
    """
    watchlist = read_watchlist(settings.ingest.watchlist)
    sources = read_sources(settings.ingest.sources)
    if not sources:
        log.warning("there are no sources; add one", file=str(settings.ingest.sources))
    failed: list[BaseException] = []
    threads = [
        threading.Thread(
            target=_guarded, args=(source_loop(source, watchlist, settings, clock), stop, failed), name=source.name
        )
        for source in sources
    ]
    for thread in threads:
        thread.start()
    while not stop.is_set():
        clock.sleep(LOOK_S)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def source_loop(
    source: ReplaySource, watchlist: Sequence[WatchedEntity], settings: Settings, clock: Clock
) -> SourceLoop:
    """The loop of one source, with connections of its own."""
    redis = connect(settings.redis)
    pipeline = Pipeline(
        watchlist,
        author_key=settings.ingest.author_key.get_secret_value().encode(),
        stories=RedisStoryIndex(redis),
        on_changes=_count,
    )
    store = CursorStore(redis, source.name, settings.ingest.lease_s)
    return SourceLoop(source, settings.ingest, settings.kafka.bootstrap, pipeline, store, clock)


def _guarded(loop: SourceLoop, stop: threading.Event, failed: list[BaseException]) -> None:
    try:
        loop.run(stop)
    except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
        # A thread that dies in silence would leave a process that looks alive.
        failed.append(error)
        stop.set()
        log.error("a source failed", source=loop.spec.name, why=str(error))  # noqa: TRY400 - raised by the main thread


def _count(changes: Sequence[str]) -> None:
    for reason in changes:
        metrics.NORMALISE_CHANGES.labels(reason).inc()
