"""What the evaluator keeps of one series (`w:{series}`) and of all together (`book`), and how they are packed.

Packed exactly: a state that was packed and read again goes on as if nothing had happened. The first byte is the layout's
version; another version is refused, never guessed at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from alerts import windows as windows_module
from alerts.baseline import BASELINE_BYTES, Baseline, unpack_baseline
from alerts.lifecycle import ALERT_BYTES, Alert, unpack_alert
from alerts.season import CLOCK_BYTES, GroupClock, unpack_clock
from alerts.windows import Windows
from contracts.errors import Inconsistent
from contracts.messages import Rule

SERIES_LAYOUT = 2
BOOK_LAYOUT = 2
_SERIES_HEAD = struct.Struct("<BB")
_BOOK_HEAD = struct.Struct("<BqqqII")
_NONE = -1


class SeriesState:
    """One series: its windows, its baseline and its alerts by rule."""

    __slots__ = ("alerts", "baseline", "windows")

    def __init__(self, windows: Windows, baseline: Baseline, alerts: dict[Rule, Alert]) -> None:
        self.windows = windows
        self.baseline = baseline
        self.alerts = alerts

    def pack(self) -> bytes:
        """Under 400 bytes for a series that is written about now and then, under 1 KB for the busiest."""
        return b"".join((
            _SERIES_HEAD.pack(SERIES_LAYOUT, len(self.alerts)),
            self.baseline.pack(),
            *(alert.pack() for alert in self.alerts.values()),
            self.windows.pack(),
        ))  # fmt: skip


def unpack_series(series: str, packed: bytes) -> SeriesState:
    """The inverse of `SeriesState.pack`.

    Raises:
        Inconsistent: another layout, or cut.
    """
    try:
        version, count = _SERIES_HEAD.unpack_from(packed)
        _check("state of the series " + series, version, SERIES_LAYOUT)
        at = _SERIES_HEAD.size
        baseline = unpack_baseline(packed, at)
        at += BASELINE_BYTES
        alerts: dict[Rule, Alert] = {}
        for _ in range(count):
            alert = unpack_alert(packed, at)
            alerts[alert.rule] = alert
            at += ALERT_BYTES
    except struct.error as error:
        raise Inconsistent(f"the state of the series {series} is cut short: {error}; {_REMEDY}") from error
    return SeriesState(windows_module.unpack(packed, at), baseline, alerts)


@dataclass(slots=True)
class Book:
    """What the evaluator keeps for all series.

    Attributes:
        evaluated_until_s: event second up to which everything has been evaluated; None = nothing yet.
        first_minute: epoch minute of the first document ever evaluated; None = none yet.
        learn_until_s: before this event second nothing pages.
        clocks: group -> its clock.
        open: series with a pending or firing alert -> its group.
    """

    evaluated_until_s: int | None = None
    first_minute: int | None = None
    learn_until_s: int = 0
    clocks: dict[str, GroupClock] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)

    def pack(self) -> bytes:
        """About 4 KB for each group and 60 bytes for each open series."""
        until = _NONE if self.evaluated_until_s is None else self.evaluated_until_s
        first = _NONE if self.first_minute is None else self.first_minute
        parts = [_BOOK_HEAD.pack(BOOK_LAYOUT, until, first, self.learn_until_s, len(self.clocks), len(self.open))]
        for group in sorted(self.clocks):
            parts += [_text(group), self.clocks[group].pack()]
        for series in sorted(self.open):
            parts += [_text(series), _text(self.open[series])]
        return b"".join(parts)


def unpack_book(packed: bytes) -> Book:
    """The inverse of `Book.pack`.

    Raises:
        Inconsistent: another layout, or cut.
    """
    try:
        version, until, first, learn_until, clocks, opened = _BOOK_HEAD.unpack_from(packed)
        _check("book", version, BOOK_LAYOUT)
        book = Book(None if until == _NONE else until, None if first == _NONE else first, learn_until)
        at = _BOOK_HEAD.size
        for _ in range(clocks):
            group, at = _read_text(packed, at)
            book.clocks[group] = unpack_clock(packed[at : at + CLOCK_BYTES])
            at += CLOCK_BYTES
        for _ in range(opened):
            series, at = _read_text(packed, at)
            book.open[series], at = _read_text(packed, at)
    except (struct.error, IndexError, ValueError) as error:
        raise Inconsistent(f"the book is cut short: {error}; {_REMEDY}") from error
    return book


_REMEDY = "restore Redis from its append-only file, or start anew with an empty Redis database"


def _check(what: str, found: int, known: int) -> None:
    if found != known:
        raise Inconsistent(
            f"the {what} has layout {found}, this release reads {known}: run the release that wrote it, or start anew "
            "with an empty Redis database"
        )


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "little") + data


def _read_text(packed: bytes, at: int) -> tuple[str, int]:
    size = int.from_bytes(packed[at : at + 2], "little")
    data = packed[at + 2 : at + 2 + size]
    if len(data) < size or at + 2 > len(packed):
        raise IndexError(f"a name ends after {len(data)} of {size} bytes")
    return data.decode(), at + 2 + size
