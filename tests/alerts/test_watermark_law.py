"""The watermark never passes what is still to come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.watermark import Progress, replay_watermark_s, wall_watermark_s
from contracts.messages import Replay, SourceHeartbeat

# Per partition: what each document adds to its visible time, milliseconds.
LOGS = st.lists(st.lists(st.integers(0, 5_000), max_size=8), min_size=1, max_size=3)
BEGIN_MS = 1_000_000


def visible(steps: list[int]) -> list[int]:
    times, at = [], BEGIN_MS
    for step in steps:
        at += step
        times.append(at)
    return times


def progress(logs: list[list[int]], counted: list[int], asked_ms: int, ends: list[int] | None = None) -> Progress:
    some = {p: logs[p][: counted[p]] for p in range(len(logs)) if counted[p]}
    return Progress(
        marks={p: len(times) - 1 for p, times in some.items()},
        seen={p: times[-1] for p, times in some.items()},
        appended={p: times[-1] for p, times in some.items()},
        ends=dict(enumerate(ends if ends is not None else [len(times) for times in logs])),
        asked_ms=asked_ms,
    )


def promise(logs: list[list[int]], published: list[int]) -> SourceHeartbeat:
    """A source's heartbeat after it has published that many of each partition: what is still to come is later."""
    left = [times[n] for times, n in zip(logs, published, strict=True) if n < len(times)]
    end = max((times[-1] for times in logs if times), default=BEGIN_MS) + 60_000
    return SourceHeartbeat(
        source="r", kind="replay", alive=True, at_ms=end, event_ms=min(left, default=end),
        ends=dict(enumerate(published)), replay=Replay(start_ms=BEGIN_MS, end_ms=end),
    )  # fmt: skip


@given(LOGS, st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40))
def test_it_never_passes_what_is_still_to_come(steps: list[list[int]], moves: list[tuple[int, bool]]) -> None:
    logs = [visible(each) for each in steps]
    counted = [0] * len(logs)
    published = [0] * len(logs)
    asked_ms = BEGIN_MS
    last_wall = -1
    for which, publish in moves:
        p = which % len(logs)
        if publish:
            # On the wall clock a document is visible when it is appended: not before anything that was asked for earlier.
            logs[p][published[p] :] = [max(at, asked_ms) for at in logs[p][published[p] :]]
            published[p] = min(published[p] + 1, len(logs[p]))
        elif counted[p] < published[p]:
            counted[p] += 1
        asked_ms = max([asked_ms, *(logs[q][n - 1] for q, n in enumerate(published) if n)])
        coming = [logs[q][n] for q, n in enumerate(counted) if n < len(logs[q])]
        wall = wall_watermark_s(progress(logs, counted, asked_ms, published))
        if wall is not None:
            # It may step back when an idle partition gets something; the evaluator then waits at the farthest it has been.
            last_wall = max(last_wall, wall)
        uncounted = [logs[q][n] for q, n in enumerate(counted) if n < published[q]]
        assert all(last_wall < at // 1000 for at in uncounted), "what is published and not counted is later"
        replay = replay_watermark_s(progress(logs, counted, asked_ms, published), [promise(logs, published)])
        if replay is not None:
            assert all(replay < at // 1000 for at in coming), "what will still be counted is later"


@given(LOGS, st.data())
def test_counting_more_never_takes_it_back(steps: list[list[int]], data: st.DataObject) -> None:
    logs = [visible(each) for each in steps]
    few = [data.draw(st.integers(0, len(times))) for times in logs]
    many = [data.draw(st.integers(n, len(times))) for n, times in zip(few, logs, strict=True)]
    asked_ms = max([BEGIN_MS, *(times[-1] for times in logs if times)])
    beats = [promise(logs, [len(times) for times in logs])]
    for watermark in (wall_watermark_s, lambda found: replay_watermark_s(found, beats)):
        before, after = watermark(progress(logs, few, asked_ms)), watermark(progress(logs, many, asked_ms))
        assert before is None or (after is not None and after >= before)
