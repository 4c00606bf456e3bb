"""Pictures as SVG, drawn on the server. Pure. Classes and attributes only: a style attribute would break the page's policy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from contracts.clock import DAY_MS, HOUR_MS, MINUTE_MS
from contracts.evidence import TimelinePoint
from desk import figures

SPARK_WIDTH, SPARK_HEIGHT = 96, 24
ROOM_FOR_WORD = 40
FINE_FROM = 240  # counts in 24 h from which bars of 15 minutes say more than bars of an hour


@dataclass(frozen=True, slots=True)
class Spark:
    """Bars of the last day as two paths: before the onset, and since."""

    before: str
    since: str


def spark_bar_ms(total: int) -> int:
    """How long a spark line's bars are, given the counts of its 24 hours: hours for slow streams, else quarters of one.

    Bars of 5 minutes would be a third of a pixel wide.
    """
    return HOUR_MS // 4 if total >= FINE_FROM else HOUR_MS


def spark(values: Sequence[int], onset: int) -> Spark:
    """A spark line in a box of SPARK_WIDTH x SPARK_HEIGHT.

    Args:
        values: counts per bar, oldest first.
        onset: index of the bar in which the spike began; beyond the end = none.

    >>> spark([0, 1, 2], 2)
    Spark(before='M32 24v-12h31v12z', since='M64 24v-24h31v24z')
    """
    step = SPARK_WIDTH / max(1, len(values))
    width = step - 1 if step >= 2 else step
    top = max(1, max(values, default=0))
    paths = ["", ""]
    for index, value in enumerate(values):
        if value:
            height = _short(max(1.0, value / top * SPARK_HEIGHT))
            paths[index >= onset] += f"M{_short(index * step)} {SPARK_HEIGHT}v-{height}h{_short(width)}v{height}z"
    return Spark(*paths)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Box:
    """A chart's size in user units."""

    width: int
    height: int
    left: int = 40
    right: int = 10
    top: int = 32
    bottom: int = 28


WIDE = Box(1180, 300)
NARROW = Box(358, 230, left=30, right=6)


def evidence_chart(
    points: Sequence[TimelinePoint], onset_ms: int, fired_ms: int | None, box: Box, *, name: str, words: tuple[str, str]
) -> Markup:
    """Negative texts per bar against the band that the baseline expects, with onset and firing marked.

    Args:
        points: the evidence's timeline, oldest first; not empty.
        onset_ms: event time, milliseconds UTC.
        fired_ms: event time, or None.
        box: its size.
        name: a word that makes the ids of its title unique on the page.
        words: title and description for those who cannot see it.
    """
    start = points[0].start_ms
    end = points[-1].start_ms + points[-1].minutes * MINUTE_MS
    inner, floor = box.width - box.left - box.right, box.height - box.bottom
    step, highest = _scale(max(max(point.negative, point.high) for point in points))

    def x(ms: float) -> float:
        return box.left + (min(max(ms, start), end) - start) / max(1, end - start) * inner

    def y(value: float) -> float:
        return floor - min(value, highest) / highest * (floor - box.top)

    upper, lower, expected, bars, over = [], [], [], "", ""
    for point in points:
        left, right = x(point.start_ms), x(point.start_ms + point.minutes * MINUTE_MS)
        upper += [(left, y(point.high)), (right, y(point.high))]
        lower += [(left, y(point.low)), (right, y(point.low))]
        expected += [(left, y(point.expected)), (right, y(point.expected))]
        if point.negative:
            gap = min(2.0, (right - left) * 0.2)
            bar = f"M{_short(left + gap / 2)} {floor}V{_short(y(point.negative))}h{_short(right - left - gap)}V{floor}z"
            if point.negative > point.high:
                over += bar
            else:
                bars += bar
    grid = Markup().join(
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(
            box.left,
            box.width - box.right,
            _short(y(value)),
            _short(y(value)),
            box.left - 8,
            _short(y(value) + 4),
            value,
        )
        for value in range(0, int(highest) + 1, step)
    )
    marks = _mark("onset", x(onset_ms), box, "end") if start <= onset_ms <= end else Markup()
    if fired_ms is not None and start <= fired_ms <= end:
        marks += _mark("fired", x(fired_ms), box, "start")
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" data-left="{}" data-right="{}">'
        '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}<path class="band" d="{}"/><path class="bars" d="{}"/>'
        '<path class="over" d="{}"/><path class="expected" d="{}"/>{}{}<line class="cursor" y1="{}" y2="{}"/></svg>'
    ).format(
        name, box.width, box.height, name, name, box.left, box.width - box.right, name, words[0], name, words[1], grid,
        _line(upper) + _line(lower[::-1]).replace("M", "L") + "Z", bars, over, _line(expected), _ticks(start, end, x, box),
        marks, box.top, floor,
    )  # fmt: skip


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _scale(highest: float) -> tuple[int, float]:
    """Grid step and top of the axis: whole numbers, at most five lines."""
    raw = max(1.0, highest * 1.06)
    magnitude = 10 ** math.floor(math.log10(raw / 4)) if raw > 4 else 1
    step = next(size for size in (magnitude, 2 * magnitude, 5 * magnitude, 10 * magnitude) if raw / size <= 5)
    return int(step), raw


def _mark(kind: str, x: float, box: Box, side: str) -> Markup:
    """A line with its word beside it: the onset's on its left and the firing's on its right, where there is room."""
    row = 12
    if side == "start" and x > box.width - box.right - ROOM_FOR_WORD:
        side, row = "end", 26
    elif side == "end" and x < box.left + ROOM_FOR_WORD:
        side = "start"
    return Markup(
        '<line class="mark {}" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="mark" x="{}" y="{}" text-anchor="{}">{}</text>'
    ).format(
        kind,
        _short(x),
        _short(x),
        row - 8,
        box.height - box.bottom,
        _short(x + (5 if side == "start" else -5)),
        row,
        side,
        kind,
    )


def _ticks(start: int, end: int, x: Callable[[float], float], box: Box) -> Markup:
    most = (box.width - box.left - box.right) // 110
    hours = next((h for h in (1, 2, 3, 4, 6, 12, 24, 48, 96, 168) if (end - start) / (h * HOUR_MS) <= most), 336)
    tick = hours * HOUR_MS
    out = Markup()
    for ms in range(-(-start // tick) * tick, end, tick):
        place = x(ms)
        if box.left + 20 < place < box.width - box.right - 20:
            words = figures.day_minute(ms)[:-6] if ms % DAY_MS == 0 else figures.minute(ms)
            out += Markup('<text class="{}" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                "day" if ms % DAY_MS == 0 else "hour", _short(place), box.height - 8, words
            )
    return out
