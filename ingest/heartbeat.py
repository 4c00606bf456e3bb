"""What a replayed source says of itself: pure."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.clock import HOUR_MS
from contracts.messages import Replay, SourceHeartbeat
from ingest.cursor import Cursor
from ingest.source_kinds import ReplaySource
from ingest.survey import Survey


def heartbeat(
    spec: ReplaySource,
    survey: Survey,
    cursor: Cursor,
    recent: Iterable[int],
    now_ms: int,
    *,
    alive: bool,
    why: str = "",
) -> SourceHeartbeat:
    """The heartbeat of a source.

    Args:
        spec: what `sources.yaml` says.
        survey: what its file holds.
        cursor: where it is; its `event_ms` and `ends` are the promise.
        recent: event times of what it published last.
        now_ms: wall time.
        alive: False when it stops in good order, or is paused.
        why: why it is paused.
    """
    hour_ago_ms = cursor.event_ms - HOUR_MS
    return SourceHeartbeat(
        source=spec.name,
        kind=spec.kind,
        alive=alive,
        at_ms=now_ms,
        newest_ms=cursor.newest_ms,
        items=cursor.items,
        items_per_hour=float(sum(hour_ago_ms < when <= cursor.event_ms for when in recent)),
        cursor_age_ms=max(0, now_ms - cursor.moved_ms) if cursor.moved_ms else 0,
        event_ms=cursor.event_ms,
        ends=cursor.ends,
        why=why,
        replay=Replay(
            start_ms=survey.start_ms,
            end_ms=survey.end_ms,
            learn_until_ms=spec.learn_until,
            speed=spec.schedule(survey.start_ms).speed_at(cursor.event_ms),
            rows=survey.rows,
            rows_done=cursor.rows_done,
            done=cursor.done,
        ),
    )
