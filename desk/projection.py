"""Messages to rows. Pure: records as they came from a topic in, one batch for the database out.

1. Each record is decoded; one that cannot be is noted with its reason and place. Its dead letter is written by the stage
   that owns the topic's flow; the desk only says that it met one.
2. A transition becomes a row of its own and the columns that the board shows.
3. A score becomes a document and its appearance in every series that `contracts.series.counts` gives; a rejected one
   only moves the mark.
4. A heartbeat replaces its source's last one.
5. The mark of every partition moves behind its last record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts import topics
from contracts.codec import decode
from contracts.errors import Rejected
from contracts.evidence import WindowEvidence
from contracts.messages import Score, SourceHeartbeat, Transition
from contracts.series import counts, is_copy

SEVERITY_RANK = {"info": 0, "warning": 1, "critical": 2}
FOLLOWED = (topics.ALERTS, topics.SCORES, topics.SOURCES)
BUCKET_MS = 300_000  # counts are kept per series and 5 minutes


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it lies in its topic.

    Attributes:
        place: its offset.
        appended_ms: when the broker appended it, milliseconds UTC.
    """

    topic: str
    partition: int
    place: int
    appended_ms: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Appearance:
    """A document in a series."""

    series: str
    negative: bool
    p_negative: float
    copy: bool


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    """A document as the desk keeps it, with where it was counted."""

    score: Score
    partition: int
    place: int
    appended_ms: int
    topic: str
    sentiment: str
    appearances: list[Appearance]


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, its wire text, and its place."""

    transition: Transition
    body: str
    partition: int
    place: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that broke its schema."""

    topic: str
    partition: int
    place: int
    reason: str
    detail: str


@dataclass(slots=True)
class Batch:
    """What one transaction writes.

    Attributes:
        marks: (topic, partition) -> the offset to read next once this batch is written.
        rejected: scores that say why their document was not scored.
        newest_append_ms: append time of the newest score, 0 when the batch has none.
        origins: partition of `documents` -> the offset behind the last document that a score is about.
    """

    steps: list[Step] = field(default_factory=list)
    documents: list[ScoredDocument] = field(default_factory=list)
    heartbeats: dict[str, tuple[SourceHeartbeat, str]] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    rejected: int = 0
    newest_append_ms: int = 0
    origins: dict[int, int] = field(default_factory=dict)


def project(records: Iterable[Record]) -> Batch:
    """The batch that `records` make. Records of a partition must come in the order of the log."""
    batch = Batch()
    for record in records:
        try:
            _add(batch, record)
        except Rejected as problem:
            batch.unreadable.append(
                Unreadable(record.topic, record.partition, record.place, problem.reason, problem.detail[:500])
            )
        batch.marks[record.topic, record.partition] = record.place + 1
    return batch


def _add(batch: Batch, record: Record) -> None:
    if record.topic == topics.SCORES.name:
        score = decode(Score, record.value, record.headers)
        batch.newest_append_ms = max(batch.newest_append_ms, record.appended_ms)
        following = score.origin_offset + 1
        batch.origins[score.origin_partition] = max(batch.origins.get(score.origin_partition, 0), following)
        if score.status == "scored":
            batch.documents.append(_document(score, record))
        else:
            batch.rejected += 1
    elif record.topic == topics.ALERTS.name:
        step = decode(Transition, record.value, record.headers)
        batch.steps.append(Step(step, _text(record), record.partition, record.place))
    elif record.topic == topics.SOURCES.name and record.value:  # without a value: a tombstone of the compacted topic
        heartbeat = decode(SourceHeartbeat, record.value, record.headers)
        batch.heartbeats[heartbeat.source] = (heartbeat, _text(record))


def _text(record: Record) -> str:
    return (record.value or b"").decode("utf-8")


def _document(score: Score, record: Record) -> ScoredDocument:
    copy = is_copy(score.position)
    return ScoredDocument(
        score=score,
        partition=record.partition,
        place=record.place,
        appended_ms=record.appended_ms,
        topic=max(score.topic, key=lambda name: (score.topic[name], name)),
        sentiment=max(score.sentiment, key=lambda name: (score.sentiment[name], name)),
        appearances=[Appearance(one.series, one.negative, one.p_negative, copy) for one in counts(score)],
    )


def deciding_window(transition: Transition) -> WindowEvidence | None:
    """The window that decided; where the evidence does not name one of its own, the one with the highest S."""
    windows = transition.evidence.windows
    named = [window for window in windows if window.minutes == transition.evidence.window]
    return named[0] if named else max(windows, key=lambda window: window.score, default=None)
