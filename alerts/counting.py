"""What a batch of scores asks Redis to do: pure. The script `lua/count.lua` does it, all or nothing.

A document's *visible time* is when the detector may know of it: its event time in a replay, its append time on the wall
clock, and never earlier than that of a document before it in its partition. Being a function of the log alone, it makes
alerts a function of the log alone. Its *event minute* says which bucket it counts in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Literal

import msgpack

from alerts.evaluation import Entry
from alerts.references import pack_body
from contracts.codec import decode
from contracts.errors import Rejected
from contracts.messages import Score
from contracts.series import counts, is_copy

LATE_WINDOW_MINUTES = 60  # later than this is not detected
LATE_BASELINE_MINUTES = 24 * 60  # later than this is not learned from either
NEGATIVES_KEPT = 500  # references per series: as many as an open alert keeps
OTHERS_KEPT = 50
REFERENCES_KEPT_S = 25 * 3600  # the longest window and an hour
_ENTRY = Struct("<IIHHHIi")
ENTRY_BYTES = _ENTRY.size


@dataclass(slots=True)
class Counted:
    """What one call of the counting script did, in documents."""

    counted: int
    duplicates: int
    repeats: int
    late_window: int
    late_baseline: int
    late_beyond: int


@dataclass(slots=True)
class Batch:
    """Scores to count, as the script wants them, and those that cannot be.

    Attributes:
        docs: one list per score, in order of reading.
        bad: index in the batch -> why it cannot be used. Its place still moves the position.
        newest_ms: latest event time in the batch, 0 if it has none.
    """

    docs: list[list[object]] = field(default_factory=list)
    bad: dict[int, Rejected] = field(default_factory=dict)
    newest_ms: int = 0


def plan(
    rows: Sequence[tuple[int, int, bytes | None, Sequence[tuple[str, bytes]]]], clock: Literal["wall", "replay"]
) -> Batch:
    """Turn records of `scores` into what the script counts.

    Args:
        rows: (partition, offset, value, headers) of each record.
        clock: whether documents become visible at their append time or at their event time.
    """
    batch = Batch()
    for index, (partition, offset, value, headers) in enumerate(rows):
        try:
            score = decode(Score, value, headers)
        except Rejected as error:
            batch.bad[index] = error
            origin = _origin(headers)
            if origin:
                batch.docs.append([*origin, 0, 0, 0, "", 0, 0, b"", [], [], []])
            continue
        series = counts(score)
        visible_ms = score.published_ms if clock == "replay" else score.appended_ms
        batch.docs.append([
            score.origin_partition,
            score.origin_offset,
            visible_ms if series else 0,
            score.appended_ms,
            score.published_ms // 60_000,
            score.document,
            int(is_copy(score.position)),
            round(score.share_offset * 1000),
            pack_body(score, partition, offset) if series else b"",
            [count.series for count in series],
            [int(count.negative) for count in series],
            [round(count.p_negative * 1000) for count in series],
        ])  # fmt: skip
        if series:
            batch.newest_ms = max(batch.newest_ms, score.published_ms)
    return batch


def _origin(headers: Sequence[tuple[str, bytes]]) -> tuple[int, int] | None:
    """A record that cannot be read still says in its header which document it stands for."""
    for name, value in headers:
        if name == "origin":
            partition, _, offset = value.partition(b":")
            if partition.isdigit() and offset.isdigit():
                return int(partition), int(offset)
    return None


def script_argument(batch: Batch, gate: dict[int, tuple[int, int]], claim_s: int, *, audit: bool = False) -> bytes:
    """ARGV[1] of `lua/count.lua`. `gate`: partition -> (first offset of the batch, next offset)."""
    content = {
        "gate": [[partition, first, following] for partition, (first, following) in gate.items()],
        "claim": claim_s,
        "audit": audit,
        "kept": [NEGATIVES_KEPT, OTHERS_KEPT, REFERENCES_KEPT_S],
        "late": [LATE_WINDOW_MINUTES, LATE_BASELINE_MINUTES],
        "docs": batch.docs,
    }
    packed: bytes = msgpack.packb(content, use_bin_type=False)
    return packed


def unpack_tail(packed: bytes) -> list[Entry]:
    """The entries of a series' tail, in the order they were counted."""
    return [Entry(*numbers) for numbers in _ENTRY.iter_unpack(packed)]


def pack_tail(entries: Sequence[Entry]) -> bytes:
    """The inverse of `unpack_tail`."""
    return b"".join(
        _ENTRY.pack(e.visible_s, e.minute, e.distinct, e.negative, e.copies, e.mass, e.offset) for e in entries
    )


@dataclass(frozen=True, slots=True)
class Tail:
    """A series' tail as read: what may be evaluated now and what must wait.

    Attributes:
        ready: entries visible at the watermark.
        left: packed entries that are not.
        seen: the packed tail as it was read.
        version: dirty version that was read.
    """

    ready: list[Entry]
    left: bytes
    seen: bytes
    version: bytes

    def until(self, until_s: int) -> Tail:
        """The same tail split earlier."""
        ready = [entry for entry in self.ready if entry.visible_s <= until_s]
        later = [entry for entry in self.ready if entry.visible_s > until_s]
        return Tail(ready, pack_tail(later) + self.left, self.seen, self.version)


def split_tail(packed: bytes, version: bytes, until_s: int) -> Tail:
    """Split a tail at the watermark `until_s`, epoch seconds, inclusive."""
    entries = unpack_tail(packed)
    ready = [entry for entry in entries if entry.visible_s <= until_s]
    left = pack_tail([entry for entry in entries if entry.visible_s > until_s])
    return Tail(ready, left, packed, version)
