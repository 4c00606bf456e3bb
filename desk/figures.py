"""Numbers and times as a reader wants them. Pure: a number in, a short string out.

Times are given in UTC and say so; the page's script turns those marked as the viewer's into the viewer's own zone.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from contracts.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

TIMES = "\N{MULTIPLICATION SIGN}"
P_FLOOR = 1e-8  # smaller p-values are not calibrated, so they are not shown


def count(value: int) -> str:
    """1234 -> `1,234`."""
    return f"{value:,}"


def counted(value: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "source", "sources"), counted(3, "source", "sources")
    ('1 source', '3 sources')
    """
    return f"{count(value)} {one if value == 1 else many}"


def amount(value: float) -> str:
    """An expectation: as many digits as it is worth.

    >>> [amount(v) for v in (0, 0.004, 0.27, 4.21, 17.6, 1234.5)]
    ['0', '<0.01', '0.27', '4.2', '18', '1,234']
    """
    if value <= 0:
        return "0"
    if value < 0.01:
        return "<0.01"
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def times(seen: float, expected: float) -> str:
    """How many times what was expected.

    >>> times(17, 0.7) == f"24{TIMES}", times(8, 6.0) == f"1.3{TIMES}", times(5, 0.0)
    (True, True, '')
    """
    if expected <= 0 or seen <= 0:
        return ""
    ratio = seen / expected
    if ratio >= 1000:
        return f">999{TIMES}"
    return f"{ratio:.0f}{TIMES}" if ratio >= 10 else f"{ratio:.1f}{TIMES}"


def percent(share: float) -> str:
    """A share of 1 as `71 %`; a small one with a digit more.

    >>> percent(0.714), percent(0.004), percent(0)
    ('71 %', '0.4 %', '0 %')
    """
    if 0 < share < 0.0995:
        return f"{share * 100:.1f} %"
    return f"{share * 100:.0f} %"


def score(value: float) -> str:
    """S with one decimal.

    >>> score(11.26)
    '11.3'
    """
    return f"{value:.1f}"


def p_value(p: float) -> str:
    """A chance, never below the floor.

    >>> [p_value(p) for p in (0.32, 0.0123, 4.56e-6, 1e-12, 0)]
    ['0.32', '0.012', '4.6e-6', '<1e-8', '<1e-8']
    """
    if not p >= P_FLOOR:
        return "<1e-8"
    if p >= 0.001:
        return f"{p:.2g}"
    exponent = math.floor(math.log10(p))
    return f"{p / 10**exponent:.1f}e{exponent}"


def span(ms: int) -> str:
    """A length of time in its two largest units.

    >>> [span(v) for v in (0, 40_000, 125_000, 3_900_000, 97_200_000)]
    ['0 s', '40 s', '2 min', '1 h 5 min', '1 d 3 h']
    """
    ms = max(0, ms)
    if ms < MINUTE_MS:
        return f"{ms // SECOND_MS} s"
    if ms < HOUR_MS:
        return f"{ms // MINUTE_MS} min"
    if ms < DAY_MS:
        return _two(ms // HOUR_MS, "h", ms % HOUR_MS // MINUTE_MS, "min")
    return _two(ms // DAY_MS, "d", ms % DAY_MS // HOUR_MS, "h")


def _two(large: int, unit: str, small: int, subunit: str) -> str:
    return f"{large} {unit} {small} {subunit}" if small else f"{large} {unit}"


def moment(ms: int) -> datetime:
    """Milliseconds as a time in UTC; a message's nonsense is clamped to what a calendar can show."""
    return datetime.fromtimestamp(min(max(ms, 0), 253_402_300_799_000) / 1000, UTC)


def iso(ms: int) -> str:
    """For `<time datetime>`.

    >>> iso(1667858400000)
    '2022-11-07T22:00:00Z'
    """
    return moment(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(ms: int) -> str:
    """Date, minute and zone.

    >>> utc(1667858400000)
    '2022-11-07 22:00 UTC'
    """
    return moment(ms).strftime("%Y-%m-%d %H:%M UTC")


def minute(ms: int) -> str:
    """The minute of the day, UTC.

    >>> minute(1667858400000)
    '22:00'
    """
    return moment(ms).strftime("%H:%M")


def day_minute(ms: int) -> str:
    """Day of the month and minute, UTC.

    >>> day_minute(1667858400000)
    '7 Nov 22:00'
    """
    return f"{moment(ms).day} {moment(ms).strftime('%b %H:%M')}"
