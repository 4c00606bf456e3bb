"""Writes dead letters, and says when there are too many of them."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import structlog

from contracts import codec, metrics
from contracts.errors import Rejected
from contracts.messages import DeadLetter
from contracts.topics import dead_letters
from stream.records import Record

KEPT_BYTES = 64 * 1024
log = structlog.get_logger(__name__)


def dead_letter(topic: str, record: Record, stage: str, error: Rejected, at_ms: int) -> DeadLetter:
    """The dead letter of a record: its first 64 KiB, where it came from, and why it died."""
    value = record.value or b""
    return DeadLetter(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        reason=error.reason,
        detail=error.detail[:2000],
        key=base64.b64encode(record.key).decode() if record.key is not None else None,
        value=base64.b64encode(value[:KEPT_BYTES]).decode(),
        size=len(value),
        sha256=hashlib.sha256(value).hexdigest(),
        at_ms=at_ms,
    )


async def bury(producer: Any, topic: str, record: Record, stage: str, error: Rejected, at_ms: int) -> None:
    """Write the dead letter of a record of `topic`, and return when the broker has it.

    Raises:
        aiokafka.errors.KafkaError: the broker did not take it.
    """
    letter = dead_letter(topic, record, stage, error, at_ms)
    await producer.send_and_wait(
        dead_letters(topic), codec.encode(letter), key=record.key, headers=codec.headers(letter)
    )
    metrics.DEAD_LETTERS.labels(stage, error.reason).inc()
    log.warning("dead-lettered", topic=topic, partition=record.partition, offset=record.offset, why=str(error))


@dataclass(slots=True)
class DeadLetterLimit:
    """Beyond a ratio of dead letters among the last messages a stage stops: a bad deploy must not drain its topic.

    Attributes:
        ratio: of the last `window` messages.
        window: messages looked at; no verdict before that many were seen.
    """

    ratio: float
    window: int = 1000
    recent: deque[bool] = field(default_factory=deque)
    dead: int = 0

    def add(self, *, dead: bool) -> None:
        """One more message was finished."""
        self.recent.append(dead)
        self.dead += dead
        if len(self.recent) > self.window:
            self.dead -= self.recent.popleft()

    @property
    def exceeded(self) -> bool:
        """Whether the stage must stop."""
        return len(self.recent) >= self.window and self.dead > self.ratio * self.window
