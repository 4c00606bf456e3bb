"""Every Kafka topic: its key, who writes and reads it, how long it is kept. `tocsin topics apply` creates them."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.messages import (
    DeadLetter,
    Document,
    Label,
    Message,
    ModelAnnouncement,
    Score,
    Shadow,
    Silence,
    SourceHeartbeat,
    Transition,
    Verdict,
)

DAY = 24 * 3600 * 1000
STREAM_PARTITIONS = 8  # on one machine; 32 in deployments
CONTROL_PARTITIONS = 1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be.

    Attributes:
        name: as in Kafka.
        message: the newest message model it carries.
        key: what the key is, in words.
        owner: the stage that writes it.
        readers: the stages that read it.
        retention_ms: how long messages are kept; None for a compacted topic.
        partitioned: whether it has the stream's partition count, or one partition.
        documents_partitions: whether its partition count must equal that of `documents`.
    """

    name: str
    message: type[Message]
    key: str
    owner: str
    readers: tuple[str, ...]
    retention_ms: int | None
    partitioned: bool = False
    documents_partitions: bool = False

    @property
    def compacted(self) -> bool:
        """Whether only the newest message of a key is kept."""
        return self.retention_ms is None

    def partitions(self, stream: int) -> int:
        """The number of partitions, given the stream's."""
        return stream if self.partitioned else CONTROL_PARTITIONS

    def config(self, *, replication: int = 1) -> dict[str, str]:
        """Topic configuration as Kafka wants it. Timestamps are append time, always: lag is judged by them."""
        config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(2 * 1024 * 1024)}
        if self.compacted:
            config["cleanup.policy"] = "compact"
        else:
            config |= {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        if replication >= 3:
            config["min.insync.replicas"] = "2"
        return config


DOCUMENTS = TopicSpec("documents", Document, "document id", "ingest", ("scorer",), 7 * DAY, True, True)
SCORES = TopicSpec(
    "scores", Score, "document id, same partition number as its document", "scorer",
    ("aggregator", "evaluator", "desk"), 7 * DAY, True, True,
)  # fmt: skip
SHADOW = TopicSpec("shadow", Shadow, "document id", "scorer", ("training",), 2 * DAY, True)
ALERTS = TopicSpec("alerts", Transition, "alert id", "evaluator", ("notify", "desk", "evaluator"), 90 * DAY)
LABELS = TopicSpec("labels", Label, "document id / analyst id", "desk", ("evaluator", "training"), None)
VERDICTS = TopicSpec("verdicts", Verdict, "alert id / kind", "desk", ("evaluator", "notify"), None)
SILENCES = TopicSpec("silences", Silence, "silence id", "desk", ("evaluator", "notify"), None)
MODELS = TopicSpec("models", ModelAnnouncement, "slot", "training", ("scorer", "evaluator", "desk"), None)
SOURCES = TopicSpec("sources", SourceHeartbeat, "source", "ingest", ("evaluator", "desk"), None)

_FLOWING = (DOCUMENTS, SCORES, SHADOW, ALERTS, LABELS, VERDICTS, SILENCES, MODELS, SOURCES)


def dead_letters(topic: str) -> str:
    """The name of a topic's dead-letter topic."""
    return f"{topic}.dead"


DEAD = tuple(
    TopicSpec(dead_letters(spec.name), DeadLetter, "the dead message's own key", "the stage that could not read it",
              ("tocsin dead-letters",), 30 * DAY)
    for spec in (DOCUMENTS, SCORES, ALERTS)
)  # fmt: skip

TOPICS: tuple[TopicSpec, ...] = _FLOWING + DEAD
BY_NAME = {spec.name: spec for spec in TOPICS}
