"""Carries transitions that are durable in Redis into the topic `alerts`, each once: the topic itself says what it has.

1. A new leader reads the topic to its end: the last number of every alert, and the newest step of those that are not over.
2. Unsent transitions are written in their order; one that the topic already has (a leader was killed between writing and
   marking, or a Redis that went back found it again) is passed over.
3. What the broker has acknowledged is taken off the unsent list, under the leader's epoch.
"""

from __future__ import annotations

from typing import Any, cast

import structlog
from kafka import KafkaProducer
from redis import Redis

from alerts import keys
from contracts import codec
from contracts.messages import Transition
from contracts.topics import ALERTS
from stream.control import ControlReader
from stream.scripts import Script

ENDED = ("resolved", "withdrawn")
ACKNOWLEDGED_LIMIT_S = 30
_MARK_SENT = Script("alerts.lua", "mark_sent")
log = structlog.get_logger(__name__)


def unsent_field(transition: Transition) -> str:
    """Where a transition stands in the unsent list; sorted, the fields are in order of event time."""
    return f"{transition.at_ms:015d}/{transition.alert}/{transition.number:06d}"


class Outbox:
    """The way from Redis to the topic `alerts`.

    Args:
        bootstrap: addresses of the brokers.
        redis: where unsent transitions are.

    Attributes:
        open: alert id -> newest step of an alert that is not over.
    """

    def __init__(self, bootstrap: str, redis: Redis) -> None:
        self._redis = redis
        self._reader = ControlReader(bootstrap, ALERTS.name, Transition)
        self._producer: Any = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
        self._numbers: dict[str, int] = {}
        self.open: dict[str, Transition] = {}

    def learn(self) -> None:
        """Read the topic to its end."""
        for _, transition in self._reader.to_end():
            self._numbers[transition.alert] = max(transition.number, self._numbers.get(transition.alert, 0))
            self.remember(transition)

    def remember(self, transition: Transition) -> None:
        """Keep the newest step of every alert that is not over."""
        if transition.state in ENDED:
            self.open.pop(transition.alert, None)
        else:
            self.open[transition.alert] = transition

    def send(self, epoch: int) -> None:
        """Write what is unsent.

        Raises:
            Fenced: another leader has taken over.
        """
        unsent = sorted(cast("dict[bytes, bytes]", self._redis.hgetall(keys.UNSENT)).items())
        if not unsent:
            return
        sending: list[tuple[Transition, Any]] = []
        for _, packed in unsent:
            transition = codec.decode(Transition, packed)
            if transition.number <= self._numbers.get(transition.alert, 0):
                continue
            hops = {"decide": transition.decided_ms}
            future = self._producer.send(
                ALERTS.name, key=transition.alert.encode(), value=packed, headers=codec.headers(transition, hops)
            )
            sending.append((transition, future))
        self._producer.flush()
        for transition, future in sending:
            future.get(timeout=ACKNOWLEDGED_LIMIT_S)
            self._numbers[transition.alert] = transition.number
            self.remember(transition)
            log.info(
                "transition",
                alert=transition.alert,
                number=transition.number,
                state=transition.state,
                severity=transition.severity,
                page=transition.page,
                why=transition.why,
            )
        _MARK_SENT.run(self._redis, str(epoch), *(field for field, _ in unsent))

    def close(self) -> None:
        """Close connections."""
        self._reader.close()
        self._producer.close(timeout=5)
