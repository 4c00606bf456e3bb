"""Ends a process one of whose partitions has lag and does not move. Also where a stage's lag becomes a metric.

Faust's own `stream_processing_timeout` only logs. The broker is asked for the end offsets, because a partition that is no
longer fetched has none that the consumer knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from contracts import metrics

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stalls:
    """Which partitions stand still. Pure: times are arguments, seconds of a monotonic clock."""

    limit_s: float
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def forget(self) -> None:
        """A rebalance: nothing is known any more."""
        self.seen.clear()

    def check(self, now_s: float, committed: dict[int, int], ends: dict[int, int]) -> list[int]:
        """Partitions that have lag and whose committed offset has not moved for the limit."""
        for gone in set(self.seen) - set(committed):
            del self.seen[gone]
        stalled = []
        for partition, offset in committed.items():
            before = self.seen.get(partition)
            if before is None or before[0] != offset or ends.get(partition, 0) <= offset:
                self.seen[partition] = (offset, now_s)
            elif now_s - before[1] > self.limit_s:
                stalled.append(partition)
        return stalled


def add_watchdog(app: Any, stage: str, limit_s: float, end: Callable[[str], None], every_s: float = 1.0) -> None:
    """Watch `app`'s partitions every `every_s` seconds; call `end` with the reason when one stalls."""
    stalls = Stalls(limit_s)

    @app.timer(every_s)
    async def watch(app: Any = app) -> None:
        consumer = app.consumer
        assigned = set() if app.rebalancing else set(consumer.assignment())
        if not assigned:
            stalls.forget()
            return
        try:
            answer = await asyncio.wait_for(consumer.highwaters(*assigned), 10)
        except Exception as error:  # noqa: BLE001 - any failure to ask means the broker is away: not a stall of ours
            log.warning("the broker does not say where its log ends", stage=stage, error=repr(error))
            return
        ends = {tp.partition: offset or 0 for tp, offset in answer.items()}
        committed = {tp.partition: consumer._committed_offset.get(tp) or 0 for tp in assigned}  # noqa: SLF001
        metrics.STAGE_LAG.labels(stage).set(sum(max(0, ends[p] - committed[p]) for p in committed))
        stalled = stalls.check(time.monotonic(), committed, ends)
        if stalled:
            end(f"partitions {stalled} have lag and stood still for {limit_s:.0f} s")
