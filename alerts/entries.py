"""What became visible of a series, as the counting script leaves it in a tail, and how the evaluator groups it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.windows import KEPT_MINUTES
from contracts.errors import Inconsistent


@dataclass(frozen=True, slots=True)
class Entry:
    """One packed tail entry of a series.

    Attributes:
        visible_s: when the detector may know of it, epoch seconds.
        minute: event minute it counts in, epoch minutes.
        distinct: distinct texts (story positions 1 to 5).
        negative: the negative ones of them (p of at least 0.5).
        copies: copies (later positions).
        mass: sum of p(negative) of the distinct texts, thousandths.
        offset: sum of the bundles' share offsets of the distinct texts, thousandths, signed.
    """

    visible_s: int
    minute: int
    distinct: int
    negative: int
    copies: int
    mass: int
    offset: int


def by_second(
    entries: Mapping[str, tuple[str, Sequence[Entry]]], since: int | None, until_s: int
) -> dict[int, list[tuple[str, str, list[Entry]]]]:
    """Second -> (series, group, entries) of that second."""
    seconds: dict[int, list[tuple[str, str, list[Entry]]]] = {}
    for series, (group, batch) in entries.items():
        mine: dict[int, list[Entry]] = {}
        for entry in batch:
            second = entry.visible_s
            if second > until_s:
                raise Inconsistent(f"{series}: an entry becomes visible at second {second}, after {until_s}")
            if since is not None and second <= since:
                # It came from a partition that had left the watermark for being idle: known now, not then.
                second = min(since + 1, until_s)
            mine.setdefault(second, []).append(entry)
        for second, of_second in mine.items():
            seconds.setdefault(second, []).append((series, group, of_second))
    return seconds


def by_minute(batch: Sequence[Entry], now: int) -> list[tuple[int, tuple[int, int, int, int, int]]]:
    """Event minute -> sums of the entries of one second, oldest first; what is over 24 h late is left out."""
    if len(batch) == 1:
        entry = batch[0]
        sums = (entry.distinct, entry.negative, entry.copies, entry.mass, entry.offset)
        return [] if now - entry.minute > KEPT_MINUTES else [(min(entry.minute, now), sums)]
    merged: dict[int, tuple[int, int, int, int, int]] = {}
    for entry in batch:
        if now - entry.minute > KEPT_MINUTES:
            continue
        at = min(entry.minute, now)
        n, k, c, m, o = merged.get(at, (0, 0, 0, 0, 0))
        merged[at] = (n + entry.distinct, k + entry.negative, c + entry.copies, m + entry.mass, o + entry.offset)
    return sorted(merged.items())
