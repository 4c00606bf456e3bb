"""Reads single scores by their place in the log: the texts behind an alert are never kept anywhere else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from contracts.codec import decode
from contracts.errors import Rejected
from contracts.messages import Score
from contracts.topics import SCORES

CACHE = 2_000
READ_LIMIT_S = 5.0


@dataclass(slots=True)
class ScoreLog:
    """Reads single scores by their place in the log."""

    consumer: Any
    cache: OrderedDict[tuple[int, int], Score]

    @classmethod
    def connect(cls, bootstrap: str) -> ScoreLog:
        """A reader without a group."""
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            enable_auto_commit=False,
            max_poll_records=1,
            max_partition_fetch_bytes=64 * 1024,
            fetch_max_wait_ms=100,
        )
        return cls(consumer, OrderedDict())

    def read(self, partition: int, offset: int) -> Score | None:
        """The score at a place, or None when retention has removed it or it cannot be read."""
        place = (partition, offset)
        if place in self.cache:
            self.cache.move_to_end(place)
            return self.cache[place]
        tp = TopicPartition(SCORES.name, partition)
        self.consumer.assign([tp])
        if self.consumer.beginning_offsets([tp])[tp] > offset:
            return None
        self.consumer.seek(tp, offset)
        answer = self.consumer.poll(timeout_ms=int(READ_LIMIT_S * 1000))
        for record in answer.get(tp, []):
            if record.offset != offset:
                return None
            try:
                score = decode(Score, record.value, record.headers)
            except Rejected:
                return None
            self.cache[place] = score
            if len(self.cache) > CACHE:
                self.cache.popitem(last=False)
            return score
        return None

    def close(self) -> None:
        """Close the connection."""
        self.consumer.close()
