"""Reads the log of `documents` back: what was published beyond an offset, and how far the scorer has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, RetriableError

from contracts.codec import SOURCE_HEADER
from contracts.errors import Unavailable, UserError
from contracts.messages import SourceHeartbeat
from contracts.topics import DOCUMENTS, SOURCES
from stream.control import ControlReader

log = structlog.get_logger(__name__)


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turns what a Kafka that is away raises into Unavailable."""
    try:
        yield
    except KafkaError as error:
        raise Unavailable(f"Kafka {what}: {error or type(error).__name__}") from error


def heard_of(bootstrap: str) -> set[str]:
    """Every source that ever said in `sources` that it is there.

    Raises:
        Unavailable: Kafka does not answer.
    """
    with answering("does not say which sources there were"):
        reader = ControlReader(bootstrap, SOURCES.name, SourceHeartbeat)
        try:
            return {source for source, _ in reader.to_end()}
        finally:
            reader.close()


class DocumentsLog:
    """The topic `documents` as one source sees it. Not for two threads at once.

    Args:
        bootstrap: addresses of the brokers.
        scorer_group: the consumer group whose commits say how far scoring is.
    """

    def __init__(self, bootstrap: str, scorer_group: str) -> None:
        addresses = bootstrap.split(",")
        self._group = scorer_group
        with answering("does not answer"):
            self._consumer = KafkaConsumer(
                bootstrap_servers=addresses,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=5_000,
                allow_auto_create_topics=False,
            )
            self._admin = KafkaAdminClient(bootstrap_servers=addresses)
            numbers = self._consumer.partitions_for_topic(DOCUMENTS.name)
        if not numbers:
            raise UserError(f"Kafka has no topic {DOCUMENTS.name!r}; `tocsin topics apply` creates it")
        self._partitions = [TopicPartition(DOCUMENTS.name, number) for number in sorted(numbers)]

    def published_since(self, ends: Mapping[int, int]) -> tuple[set[str], dict[int, int]]:
        """Document ids at and beyond offsets.

        Args:
            ends: partition -> offset; a partition that is missing is read from its beginning.

        Returns:
            ids, and the end offset of every partition as it was before reading.
        """
        now = self.ends()
        ids = {record.key.decode("ascii", "replace") for record in self._between(ends, now) if record.key}
        return ids, now

    def ends(self) -> dict[int, int]:
        """Partition -> end offset, now."""
        return {tp.partition: end for tp, end in self._consumer.end_offsets(self._partitions).items()}

    def sent_since(self, starts: Mapping[str, Mapping[int, int]]) -> tuple[dict[str, set[str]], dict[int, int]]:
        """What several sources published at and beyond offsets of their own, from one reading.

        Args:
            starts: source -> partition -> offset; a partition that is missing is read from its beginning.

        Returns:
            source -> document ids that say in their header that they came through it, and the end offset of every partition
            as it was before reading.
        """
        with answering("does not say what was published"):
            return self._sent_since(starts)

    def _sent_since(self, starts: Mapping[str, Mapping[int, int]]) -> tuple[dict[str, set[str]], dict[int, int]]:
        now = self.ends()
        lowest = {
            number: min((each.get(number, 0) for each in starts.values()), default=end) for number, end in now.items()
        }
        sent: dict[str, set[str]] = {source: set() for source in starts}
        for record in self._between(lowest, now):
            came_through = next((value for name, value in record.headers if name == SOURCE_HEADER), b"").decode(
                "utf-8", "replace"
            )
            if came_through in sent and record.key:
                sent[came_through].add(record.key.decode("ascii", "replace"))
        return sent, now

    def _between(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Any]:
        beginnings = self._consumer.beginning_offsets(self._partitions)
        self._consumer.assign(self._partitions)
        for tp in self._partitions:
            self._consumer.seek(tp, min(max(starts.get(tp.partition, 0), beginnings[tp]), ends[tp.partition]))
        while any(self._consumer.position(tp) < ends[tp.partition] for tp in self._partitions):
            for records in self._consumer.poll(timeout_ms=500).values():
                yield from records
        self._consumer.unsubscribe()

    def ahead_of_scorer(self) -> int | None:
        """Documents that the scorer has not committed; None while its group has no coordinator (Kafka is starting)."""
        try:
            committed = self._admin.list_group_offsets({self._group: self._partitions})[self._group]
            ends = self._consumer.end_offsets(self._partitions)
            beginnings = self._consumer.beginning_offsets(self._partitions)
        except RetriableError as error:
            log.info("how far the scorer has come is not known yet", why=str(error))
            return None
        except KafkaError as error:
            raise Unavailable(f"Kafka does not say how far the scorer has come: {error}") from error
        reached = {tp: committed[tp].offset if tp in committed else 0 for tp in self._partitions}
        return sum(int(end) - max(int(reached[tp]), int(beginnings[tp])) for tp, end in ends.items())

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()
        self._admin.close()
