"""Follows the watchlist and re-links its new entities: reads `documents` back and keeps what comes out in Redis.

Keys: `watchlist:known`, the ids that were ever watched; `relinked:{entity}`, epoch hour -> distinct texts, for RELINK_DAYS.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from redis import Redis

from contracts.clock import DAY_MS, Clock
from contracts.codec import decode
from contracts.errors import Rejected, Unavailable
from contracts.messages import Document
from contracts.topics import DOCUMENTS
from contracts.watchlist import WatchedEntity
from ingest.link_reload import WatchedLinker
from ingest.relink import RELINK_DAYS, History, Relink

KNOWN = "watchlist:known"
LOOK_S = 0.5  # between two looks at the watchlist's files
log = structlog.get_logger(__name__)


@dataclass
class WatchlistLoop:
    """Takes up a changed watchlist and re-links the entities that are new on it. A Kafka that is away is asked again."""

    links: WatchedLinker
    redis: Redis
    bootstrap: str
    clock: Clock
    due: bool = True

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            self.due = self.links.look() or self.due
            if self.due:
                self._relink(stop)
            self.clock.sleep(LOOK_S)

    def _relink(self, stop: threading.Event) -> None:
        try:
            relink_new(self.links.current.entities, self.redis, self.bootstrap, self.clock, stop)
        except Unavailable as error:
            log.warning("new entities are not re-linked yet", why=str(error))
        else:
            self.due = False


def relink_new(
    entities: Sequence[WatchedEntity], redis: Redis, bootstrap: str, clock: Clock, stop: threading.Event
) -> list[str]:
    """Re-link the entities that were never watched before; the very first watchlist of an installation has none.

    Returns:
        Their ids; none when `stop` was set meanwhile, and nothing was kept.

    Raises:
        Unavailable: Kafka did not answer; nothing was kept, and the next call does it all again.
    """
    known = {bytes(one).decode() for one in redis.sscan_iter(KNOWN)}
    new = [entity for entity in entities if entity.id not in known]
    if known and new:
        relink = Relink(new)
        for documents in read_back(bootstrap, clock.wall_ms() - RELINK_DAYS * DAY_MS):
            relink.add(documents)
            if stop.is_set():
                return []
        keep(redis, relink.histories())
        log.info("new entities were re-linked", entities=[entity.id for entity in new][:20], days=RELINK_DAYS)
    elif new:
        redis.sadd(KNOWN, *(entity.id for entity in new))
    return [entity.id for entity in new] if known else []


def keep(redis: Redis, histories: Mapping[str, History]) -> None:
    """Replace the histories of entities and make them known, at once."""
    with redis.pipeline(transaction=True) as transaction:
        for entity, hours in histories.items():
            key = f"relinked:{entity}"
            transaction.delete(key)
            if hours:
                transaction.hset(key, mapping={str(hour): count for hour, count in hours.items()})
                transaction.expire(key, RELINK_DAYS * DAY_MS // 1000)
            transaction.sadd(KNOWN, entity)
        transaction.execute()


def history(redis: Redis, entity: str) -> History:
    """Epoch hour -> distinct texts of the days before an entity was watched; empty when there is none."""
    return {int(hour): int(count) for hour, count in redis.hgetall(f"relinked:{entity}").items()}


def read_back(bootstrap: str, since_ms: int) -> Iterator[list[Document]]:
    """The documents that were appended since a wall time, up to the end as it is now; what cannot be read is passed over.

    Raises:
        Unavailable: Kafka did not answer.
    """
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, allow_auto_create_topics=False
        )
    except KafkaError as error:
        raise Unavailable(f"Kafka at {bootstrap} does not answer: {error}") from error
    try:
        partitions = [TopicPartition(DOCUMENTS.name, n) for n in consumer.partitions_for_topic(DOCUMENTS.name) or ()]
        ends = consumer.end_offsets(partitions)
        found = consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        consumer.assign(partitions)
        for partition in partitions:
            at = found.get(partition)
            consumer.seek(partition, at.offset if at else ends[partition])
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                yield [one for one in map(_document, records) if one]
    except KafkaError as error:
        raise Unavailable(f"`documents` cannot be read back: {error}") from error
    finally:
        consumer.close()


def _document(record: object) -> Document | None:
    try:
        return decode(Document, record.value, record.headers)  # type: ignore[attr-defined]
    except Rejected:
        return None  # a dead letter already, by the scorer
