"""A real log for the desk: the topics it follows on a real broker, made anew, and messages written to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from contracts.clock import WallClock
from contracts.codec import encode, headers
from contracts.messages import Message, Score, SourceHeartbeat, Transition
from desk.projection import FOLLOWED

PARTITIONS = 8
PATIENCE_MS = 60_000
_TOPIC = {Score: "scores", Transition: "alerts", SourceHeartbeat: "sources"}


class Log:
    """The topics on one broker."""

    def __init__(self, address: str) -> None:
        self.address = address

    def create(self, names: Iterable[str] = tuple(spec.name for spec in FOLLOWED)) -> None:
        """Create topics, after whatever another test left under their names is gone."""
        specs = [spec for spec in FOLLOWED if spec.name in set(names)]
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            for spec in specs:
                new = NewTopic(spec.name, spec.partitions(PARTITIONS), 1, topic_configs=spec.config())
                until(partial(self._created, admin, new))
        finally:
            admin.close()

    @staticmethod
    def _created(admin: KafkaAdminClient, topic: NewTopic) -> bool:
        try:
            admin.create_topics([topic])
        except (TopicAlreadyExistsError, InvalidReplicationFactorError):
            return False  # its deletion is still under way, or the broker of a stalled machine is not back yet
        return True

    def delete(self, names: Iterable[str] = tuple(spec.name for spec in FOLLOWED)) -> None:
        """Delete topics that are there."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            for name in names:
                try:
                    admin.delete_topics([name])
                except UnknownTopicOrPartitionError:
                    continue
        finally:
            admin.close()

    def write(self, *messages: Message) -> None:
        """Append messages, each where its stage would."""
        producer = KafkaProducer(bootstrap_servers=self.address, acks="all")
        try:
            for message in messages:
                partition = message.origin_partition if isinstance(message, Score) else 0
                producer.send(
                    _TOPIC[type(message)], encode(message), key=b"key", headers=headers(message), partition=partition
                )
            producer.flush(30)
        finally:
            producer.close()

    def write_bytes(self, topic: str, value: bytes) -> None:
        """Append something that no stage would."""
        producer = KafkaProducer(bootstrap_servers=self.address, acks="all")
        try:
            producer.send(topic, value, key=b"key", partition=0)
            producer.flush(30)
        finally:
            producer.close()


def until(holds: Callable[[], object], patience_ms: int = PATIENCE_MS) -> None:
    """Wait until `holds()`; a generous limit ends a test that would wait for ever."""
    clock = WallClock()
    end = clock.wall_ms() + patience_ms
    while not holds():
        assert clock.wall_ms() < end, "what was waited for did not happen"
        clock.sleep(0.05)
