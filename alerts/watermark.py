"""Up to which event time everything has been counted: pure.

Visible time never runs backwards in a partition, so what a partition will still bring is visible no earlier than what it
brought last. On the wall clock a partition that is counted to its end is known up to the moment its end was asked for. In
a replay nothing moves by itself: a source promises, in its heartbeat, that all it published before an event time lies
below certain offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.messages import SourceHeartbeat

APPEND_MARGIN_MS = 250  # a broker's clock and ours may differ by this much before a document is seen a second late


@dataclass(frozen=True, slots=True)
class Progress:
    """How far counting has come.

    Attributes:
        marks: partition -> last origin counted.
        seen: partition -> visible time reached, milliseconds.
        appended: partition -> append time of the last document counted, milliseconds.
        ends: partition -> end offset of `documents`.
        asked_ms: wall time just before the end offsets were asked for.
    """

    marks: Mapping[int, int]
    seen: Mapping[int, int]
    appended: Mapping[int, int]
    ends: Mapping[int, int]
    asked_ms: int

    def counted_to_end(self, partition: int) -> bool:
        """Whether every document of a partition has been counted."""
        return self.marks.get(partition, -1) >= self.ends.get(partition, 0) - 1


def wall_watermark_s(progress: Progress) -> int | None:
    """The last second of append time that is complete; None while nothing can be said."""
    times: list[int] = []
    for partition in progress.ends:
        if progress.counted_to_end(partition):
            # What it brought last is known however wide the margin is; without it the watermark would step back by it.
            times.append(max(progress.asked_ms - APPEND_MARGIN_MS, progress.seen.get(partition, 0)))
        elif partition in progress.seen:
            times.append(progress.seen[partition])
        else:
            return None
    return min(times) // 1000 - 1 if times else None


def replay_watermark_s(progress: Progress, heartbeats: Iterable[SourceHeartbeat]) -> int | None:
    """The last second of event time that is complete; None while nothing can be said."""
    candidates: list[int] = []
    if progress.ends and all(partition in progress.seen for partition in progress.ends):
        candidates.append(min(progress.seen[partition] for partition in progress.ends) // 1000 - 1)
    promises = [heartbeat for heartbeat in heartbeats if heartbeat.replay is not None]
    kept = [h for h in promises if all(progress.marks.get(p, -1) >= end - 1 for p, end in h.ends.items())]
    if promises and len(kept) == len(promises):
        candidates.append(min(heartbeat.event_ms for heartbeat in promises) // 1000 - 1)
    return max(candidates) if candidates else None


def lag_s(progress: Progress, now_ms: int) -> float:
    """Age by append time of the oldest work not done, seconds. Event times say nothing about lag: news may be late."""
    ages = [
        now_ms - progress.appended[partition]
        for partition in progress.ends
        if partition in progress.appended and not progress.counted_to_end(partition)
    ]
    return max(ages, default=0) / 1000
