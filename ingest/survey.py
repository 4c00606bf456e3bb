"""What a file to be replayed holds: its span, its order, and what each row promises about the rows behind it: pure.

One reading before the first row is published: progress needs the end, heartbeats need to know what is still to come.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.clock import HOUR_MS
from contracts.errors import UserError
from ingest.dates import parse_time_ms
from ingest.normalise import PLAUSIBLE_FROM_MS
from ingest.replay import Row, read_rows

LATENESS_MS = 24 * HOUR_MS  # what is later than this is counted as late and promised by nobody


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds, from one reading of it.

    Attributes:
        rows: all rows, those that cannot be read and those without a time included.
        lines: the line numbers of the rows that have a time, ascending.
        times_ms: the fetch time of each of them, see `FetchTimes`.
        promises_ms: for each: everything from it on, what is over 24 h late left out, is published at this time or later.
        out_of_order: rows that are earlier than a row before them.
        broken: rows that cannot be read or have no time.
        start_ms: the earliest plausible time.
        end_ms: the newest time.
    """

    rows: int
    lines: array[int]
    times_ms: array[int]
    promises_ms: array[int]
    out_of_order: int
    broken: int
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class FetchTimes:
    """When the rows of a replay count as fetched: at their published time, so that it is plausible whatever year it is.

    A time that lies ahead of the wall is a mistake: its row counts as fetched when the newest row before it was, and
    normalising then flags it `future_dated`. Else one row dated 2099 would carry the replay's event time there.

    Attributes:
        not_after_ms: wall time now.
        newest_ms: the newest time so far; 1990 before any.
    """

    not_after_ms: int
    newest_ms: int = PLAUSIBLE_FROM_MS

    def of(self, value: object) -> int | None:
        """The fetch time of a row published at `value`; None when that is no time."""
        when = parse_time_ms(value)
        if when is None:
            return None
        if when > self.not_after_ms:
            return self.newest_ms
        self.newest_ms = max(self.newest_ms, when)
        return when


def survey(path: Path, mapping: Mapping[str, str], *, not_after_ms: int) -> Survey:
    """Reads a file once for its times.

    Args:
        path: as for `read_rows`.
        mapping: as for `read_rows`.
        not_after_ms: wall time now; see `FetchTimes`.

    Raises:
        UserError: when no row has a time.
    """
    lines, times = array("q"), array("q")
    broken = out_of_order = 0
    fetch = FetchTimes(not_after_ms)
    for row in read_rows(path, mapping):
        newest = fetch.newest_ms
        when = fetch.of(row.values.get("time")) if isinstance(row, Row) else None
        if when is None:
            broken += 1
            continue
        out_of_order += when < newest
        lines.append(row.line)
        times.append(when)
    if not times:
        raise UserError(f"{path}: no row has a time that can be read in column {mapping.get('time')!r}")
    return Survey(
        len(times) + broken, lines, times, _promises(times), out_of_order, broken, _first(times), fetch.newest_ms
    )


def _first(times: array[int]) -> int:
    """The earliest plausible time; a 1970 among them is a mistake, not a beginning."""
    newest = max(times)
    return min((when for when in times if when >= PLAUSIBLE_FROM_MS), default=newest)


def _promises(times: array[int]) -> array[int]:
    """From the end backwards the smallest time that is still to come, what is over 24 h late left out."""
    on_time = array("q", times)
    newest = 0
    for index, when in enumerate(times):
        newest = max(newest, when)
        if when < newest - LATENESS_MS:
            on_time[index] = newest
    for index in range(len(on_time) - 2, -1, -1):
        on_time[index] = min(on_time[index], on_time[index + 1])
    return on_time
