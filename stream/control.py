"""Control topics are read without a group, to their end, before a process's first batch; then followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import structlog
from kafka import KafkaConsumer, TopicPartition

from contracts.codec import decode
from contracts.errors import Rejected
from contracts.messages import Message

M = TypeVar("M", bound=Message)
log = structlog.get_logger(__name__)


class ControlReader(Generic[M]):
    """Follows one small topic from its beginning. Blocking; use it in a thread or a synchronous shell.

    Args:
        bootstrap: addresses of the brokers.
        topic: name.
        model: the message it carries.
    """

    def __init__(self, bootstrap: str, topic: str, model: type[M]) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._topic = topic
        self._model = model
        self._partitions: list[TopicPartition] = []

    def _assign(self) -> None:
        numbers = self._consumer.partitions_for_topic(self._topic) or set()
        self._partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)

    def to_end(self) -> Iterator[tuple[str, M]]:
        """Everything up to where the log ends now: (key, message). A message that cannot be read is said and passed."""
        if not self._partitions:
            self._assign()
        ends = self._consumer.end_offsets(self._partitions)
        while any(self._consumer.position(tp) < end for tp, end in ends.items()):
            yield from self.poll(timeout_s=0.2)

    def poll(self, timeout_s: float = 0.0) -> Iterator[tuple[str, M]]:
        """What has come since the last call."""
        if not self._partitions:
            self._assign()
        for records in self._consumer.poll(timeout_ms=int(timeout_s * 1000)).values():
            for record in records:
                if record.value is None:
                    continue  # a tombstone: the key was erased
                try:
                    message = decode(self._model, record.value, record.headers)
                except Rejected as error:
                    log.warning("control message passed over", topic=self._topic, offset=record.offset, why=str(error))
                    continue
                yield (record.key or b"").decode("utf-8", "replace"), message

    def places(self) -> dict[int, int]:
        """Partition -> offset up to which it has been read."""
        return {tp.partition: self._consumer.position(tp) for tp in self._partitions}

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()
