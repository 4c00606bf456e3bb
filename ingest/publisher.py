"""Writes `documents`, `documents.dead` and `sources`. Acknowledged by all replicas, idempotent; an error is raised, never kept.

A batch that was not acknowledged in time may still have arrived. So nothing is sent again by this process: it ends, and
the next one reads from the last saved end offsets what arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from contracts import codec
from contracts.errors import Rejected, Unavailable
from contracts.messages import DeadLetter, Document, Message, SourceHeartbeat
from contracts.topics import DOCUMENTS, SOURCES, dead_letters
from stream.dead_letters import dead_letter
from stream.records import Record

STAGE = "ingest"
FLUSH_MARGIN_S = 5.0


class Publisher:
    """One producer: of a replayed source, or of all live sources of a process.

    Args:
        bootstrap: addresses of the brokers.
        delivery_s: what was not acknowledged after this time is given up, and the process with it. Below the lease's
            time, so that a process that was frozen past its lease sends nothing from its buffers when it wakes.
    """

    def __init__(self, bootstrap: str, delivery_s: float) -> None:
        self._delivery_s = delivery_s
        try:
            self._producer = self._connected(bootstrap, delivery_s)
        except KafkaError as error:
            raise Unavailable(f"Kafka does not answer: {error or type(error).__name__}") from error
        self._waiting: list[Any] = []

    @staticmethod
    def _connected(bootstrap: str, delivery_s: float) -> Any:
        return KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            delivery_timeout_ms=int(delivery_s * 1000),
            request_timeout_ms=int(delivery_s * 500),
            max_block_ms=int(delivery_s * 1000),
            max_request_size=2 * 1024 * 1024,
            batch_size=128 * 1024,
            linger_ms=5,
        )

    def document(self, document: Document, hops: dict[str, int], source: str = "") -> None:
        """Send a document; `flush` tells whether it arrived.

        Args:
            document: what is sent.
            hops: hop name -> milliseconds UTC.
            source: the source it came through, told in a header.
        """
        extra = [(codec.SOURCE_HEADER, source.encode())] if source else []
        self._send(DOCUMENTS.name, document.id.encode(), document, hops, extra)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Send what could not become a document."""
        self._send(dead_letters(DOCUMENTS.name), letter.source.encode(), letter, {})

    def heartbeat(self, heartbeat: SourceHeartbeat) -> None:
        """Say that a source is alive."""
        self._send(SOURCES.name, heartbeat.source.encode(), heartbeat, {})

    def flush(self) -> dict[int, int]:
        """Wait until everything sent is on the log of all replicas.

        Returns:
            partition of `documents` -> end offset, for the partitions written since the last flush.

        Raises:
            Unavailable: when something was not acknowledged; whether it arrived is not known.
        """
        waiting, self._waiting = self._waiting, []
        ends: dict[int, int] = {}
        try:
            self._producer.flush(timeout=self._delivery_s + FLUSH_MARGIN_S)
            for future in waiting:
                metadata = future.get(timeout=0)
                if metadata.topic == DOCUMENTS.name:
                    ends[metadata.partition] = max(ends.get(metadata.partition, 0), metadata.offset + 1)
        except KafkaError as error:
            raise Unavailable(f"Kafka did not acknowledge what was sent: {error}") from error
        return ends

    def close(self) -> None:
        """Close without waiting: what was not flushed is not ours to send any more."""
        self._producer.close(timeout=0)

    def _send(
        self, topic: str, key: bytes, message: Message, hops: dict[str, int], extra: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        try:
            self._waiting.append(
                self._producer.send(
                    topic,
                    key=key,
                    value=codec.encode(message),
                    headers=[*codec.headers(message, hops or None), *extra],
                )
            )
        except KafkaError as error:
            raise Unavailable(f"Kafka took nothing for topic {topic}: {error}") from error


def letter_of(source: str, rejected: Rejected, raw: bytes, at_ms: int) -> DeadLetter:
    """The dead letter of an item that never reached a partition."""
    record = Record(partition=-1, offset=-1, key=None, value=raw)
    return dead_letter(DOCUMENTS.name, record, STAGE, rejected, at_ms).model_copy(update={"source": source})
