"""The only module that talks to Kafka: it follows `alerts`, `scores` and `sources` into the store.

There is no consumer group. The desk reads every partition from the mark in its own database, so what Kafka remembers
about it cannot contradict what it has written. One thread runs `follow`:

1. Connect; find the topics. What is merely away is waited for, and the state says since when.
2. Compare the log with the marks. A topic created anew since (another id, or shorter than its mark) is forgotten and read
   again, loudly. A log that begins behind the mark has lost messages to retention: that is said too.
3. Poll, project, apply; a batch that the database refuses is read again from its mark.
4. Every few seconds ask for the ends of the log: it tells how far behind the desk is, and whether Kafka still answers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Self

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from contracts.clock import SECOND_MS, Clock
from contracts.errors import Unavailable
from contracts.metrics import DESK_PROJECTED, STAGE_LAG, STAGE_MESSAGES
from desk.feed import FeedState
from desk.projection import FOLLOWED, Record, project
from desk.store import Store

POLL_MS = 100
MAX_RECORDS = 2_000
CHECK_EVERY_MS = 2 * SECOND_MS
PATIENCE_MS = 5 * SECOND_MS  # an answer that takes longer counts as Kafka being away
STAGE = "desk"

log: Any = structlog.get_logger("desk.feed")


class KafkaFeed:
    """The feed from Kafka."""

    def __init__(self, bootstrap: str, store: Store, clock: Clock) -> None:
        self._bootstrap = bootstrap
        self._store = store
        self._clock = clock
        self._state = FeedState(reachable=False, since_ms=clock.wall_ms(), reason="not connected yet")
        self._callbacks: list[Callable[[], None]] = []

    def state(self) -> FeedState:
        """Whether the desk is fed."""
        return self._state

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back, from the feed's thread, whenever rows or the state changed."""
        self._callbacks.append(callback)

    def follow(self, stop: threading.Event) -> None:
        """Read until `stop` is set. Anything that is not a service being away is raised."""
        while not stop.is_set():
            try:
                with _Consumer(self._bootstrap) as consumer:
                    self._follow(consumer, stop)
            except (KafkaError, OSError, Unavailable) as error:
                self._away(str(error) or type(error).__name__)
                stop.wait(1.0)

    def _follow(self, consumer: _Consumer, stop: threading.Event) -> None:
        consumer.assign()
        self._check_generations(consumer)
        self._seek(consumer)
        self._reachable(consumer.behind())
        checked = self._clock.wall_ms()
        while not stop.is_set():
            records = consumer.poll()
            if records:
                consumer.check_generations()
                self._apply(records)
            now = self._clock.wall_ms()
            if now - checked >= CHECK_EVERY_MS:
                checked = now
                self._reachable(consumer.behind())

    def _apply(self, records: list[Record]) -> None:
        batch = project(records)
        self._store.apply(batch)
        for topic, done in (
            ("alerts", len(batch.steps)),
            ("scores", len(batch.documents)),
            ("sources", len(batch.heartbeats)),
        ):
            DESK_PROJECTED.labels(topic).inc(done)
        STAGE_MESSAGES.labels(STAGE, "ok").inc(len(records) - len(batch.unreadable))
        STAGE_MESSAGES.labels(STAGE, "rejected").inc(len(batch.unreadable))
        for one in batch.unreadable:
            log.warning(
                "unreadable",
                topic=one.topic,
                partition=one.partition,
                offset=one.place,
                reason=one.reason,
                detail=one.detail,
            )
        self._changed()

    def _check_generations(self, consumer: _Consumer) -> None:
        known, ends, marks = self._store.generations(), consumer.ends(), self._store.marks()
        for topic, generation in consumer.generations().items():
            shorter = any(ends.get(place, 0) < mark for place, mark in marks.items() if place[0] == topic)
            if shorter or known.get(topic, generation) != generation:
                self._warn(
                    f"The topic {topic} was created anew. What the desk had from it was dropped and is read again.",
                    topic,
                )
                self._store.forget(topic)
            self._store.belongs_to(topic, generation)

    def _seek(self, consumer: _Consumer) -> None:
        marks = self._store.marks()
        for place, first in consumer.beginnings().items():
            mark = marks.get(place, first)
            if mark < first:
                self._warn(
                    f"The topic {place[0]} has already dropped {first - mark:,} messages that the desk had not read.",
                    place[0],
                )
            consumer.seek(place, max(mark, first))

    def _warn(self, warning: str, topic: str) -> None:
        log.error("log_changed", topic=topic, detail=warning)
        if warning not in self._state.warnings:
            self._state = replace(self._state, warnings=(*self._state.warnings, warning))

    def _away(self, reason: str) -> None:
        if self._state.reachable or self._state.reason != reason:
            log.warning("feed_away", reason=reason)
            since = self._clock.wall_ms() if self._state.reachable else self._state.since_ms
            self._state = replace(self._state, reachable=False, since_ms=since, reason=reason)
            self._changed()

    def _reachable(self, behind: int) -> None:
        STAGE_LAG.labels(STAGE).set(behind)
        before = self._state
        since = before.since_ms if before.reachable else self._clock.wall_ms()
        self._state = replace(before, reachable=True, since_ms=since, reason="", behind=behind)
        if self._state != before:
            self._changed()

    def _changed(self) -> None:
        for callback in self._callbacks:
            callback()


class _Consumer:
    """Every partition of the followed topics, in the desk's words."""

    def __init__(self, bootstrap: str) -> None:
        self._servers = bootstrap.split(",")

    def __enter__(self) -> Self:
        _reach(self._servers)
        timeouts = {"request_timeout_ms": PATIENCE_MS, "bootstrap_timeout_ms": PATIENCE_MS}
        self._kafka = KafkaConsumer(
            bootstrap_servers=self._servers,
            client_id="tocsin-desk",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=POLL_MS,
            **timeouts,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._kafka.close()

    def assign(self) -> None:
        """Take every partition.

        Raises:
            Unavailable: a topic is not there.
        """
        self._partitions: list[TopicPartition] = []
        for spec in FOLLOWED:
            partitions = self._kafka.partitions_for_topic(spec.name)
            if not partitions:
                raise Unavailable(f"Kafka has no topic {spec.name} (tocsin topics apply creates it)")
            self._partitions += [TopicPartition(spec.name, partition) for partition in sorted(partitions)]
        self._kafka.assign(self._partitions)
        self._began = self._seen()

    def generations(self) -> dict[str, str]:
        """Topic -> Kafka's id of it; a topic created anew has another."""
        admin = KafkaAdminClient(bootstrap_servers=self._servers, client_id="tocsin-desk")
        try:
            described = admin.describe_topics([spec.name for spec in FOLLOWED])
        finally:
            admin.close()
        return {topic["name"]: str(topic["topic_id"]) for topic in described}

    def check_generations(self) -> None:
        """Compare the topics that the client reads with those it began with; costs no request.

        A record of a new topic can only come once the client has learned the topic's new id, so a check before records
        are applied leaves no gap.

        Raises:
            Unavailable: a topic was created anew meanwhile.
        """
        for topic, generation in self._seen().items():
            if self._began.setdefault(topic, generation) != generation:
                raise Unavailable(
                    f"the topic {topic} was created anew while it was read; it is compared with the marks again"
                )

    def _seen(self) -> dict[str, str]:
        cluster = self._kafka._client.cluster  # noqa: SLF001  # kafka-python tells topic ids nowhere else without a request
        found = {spec.name: cluster.topic_id(spec.name) for spec in FOLLOWED}
        return {topic: str(generation) for topic, generation in found.items() if generation is not None}

    def ends(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the offset that the next message will get."""
        return _plain(self._kafka.end_offsets(self._partitions, timeout_ms=PATIENCE_MS))

    def beginnings(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the first offset that the log still has."""
        return _plain(self._kafka.beginning_offsets(self._partitions))

    def behind(self) -> int:
        """Messages between what was read and the ends.

        Raises:
            Unavailable: a topic ends before what was read of it.
        """
        missing = 0
        for (topic, partition), end in self.ends().items():
            position = self._kafka.position(TopicPartition(topic, partition), timeout_ms=PATIENCE_MS)
            if end < position:
                raise Unavailable(
                    f"the topic {topic} became shorter while it was read; it is compared with the marks again"
                )
            missing += end - position
        return missing

    def seek(self, place: tuple[str, int], offset: int) -> None:
        """Read a partition from `offset` on."""
        self._kafka.seek(TopicPartition(*place), offset)

    def poll(self) -> list[Record]:
        """What has arrived, at most MAX_RECORDS; waits up to POLL_MS."""
        polled: dict[Any, Iterable[Any]] = self._kafka.poll(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
        return [
            Record(one.topic, one.partition, one.offset, one.timestamp, one.value, one.headers)
            for records in polled.values()
            for one in records
        ]


def _reach(servers: list[str]) -> None:
    """Raise an OSError unless one of the brokers takes a connection.

    A KafkaConsumer that finds none takes long to say so, and leaves the sockets it tried open.
    """
    for last, server in enumerate(servers, 1 - len(servers)):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_MS / 1000).close()
        except OSError:
            if last == 0:
                raise
        else:
            return


def _plain(offsets: dict[Any, int]) -> dict[tuple[str, int], int]:
    return {(place.topic, place.partition): offset for place, offset in offsets.items()}


def beginnings(bootstrap: str) -> dict[tuple[str, int], int]:
    """(topic, partition) -> the first offset that the log still has, for a rebuild.

    Raises:
        Unavailable: Kafka is away or lacks a topic.
    """
    try:
        with _Consumer(bootstrap) as consumer:
            consumer.assign()
            return consumer.beginnings()
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {bootstrap} does not answer: {error}") from error
