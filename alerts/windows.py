"""What a series counted in the last 24 hours: sparse buckets that grow coarser with age.

Minutes for the last 15 to 20 minutes, 5 minutes for the last two to three hours, hours beyond, nothing after 24 to 25
hours. A bucket's width is a function of its start and of now alone, and buckets hold sums, so the content is a function
of (what was added, now): any order, any grouping and any moments of compacting give the same windows.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

from contracts.errors import Inconsistent

FINE_MINUTES = 15
MIDDLE_MINUTES = 120
KEPT_MINUTES = 24 * 60
_COLUMN_CODES = "0BHIbhi"
_HEAD = struct.Struct("<IB7B")

_START = itemgetter(0)

Sums = tuple[int, int, int, int, int, int]  # distinct, negative, copies, mass, offset, learned


def fine_from(now: int) -> int:
    """The first minute that keeps a bucket of its own."""
    return (now - FINE_MINUTES) // 5 * 5


def middle_from(now: int) -> int:
    """The first minute that is kept in buckets of 5 minutes or finer."""
    return (now - MIDDLE_MINUTES) // 60 * 60


def kept_from(now: int) -> int:
    """The first minute that is kept at all."""
    return (now - KEPT_MINUTES) // 60 * 60


def place(minute: int, now: int) -> int:
    """The start of the bucket that `minute` counts in at `now` (epoch minutes)."""
    if minute >= fine_from(now):
        return minute
    return minute // 5 * 5 if minute >= middle_from(now) else minute // 60 * 60


def width(start: int, now: int) -> int:
    """Minutes that the bucket starting at `start` spans at `now`."""
    if start >= fine_from(now):
        return 1
    return 5 if start >= middle_from(now) else 60


class Windows:
    """The buckets of one series, oldest first.

    Attributes:
        now: epoch minute up to which the buckets are compacted.
        buckets: [start, distinct, negative, copies, mass, offset, learned] each; `learned` is what the baseline took in, in
            tenths of a text, so that a window can be held against the baseline without what it taught itself.
    """

    __slots__ = ("buckets", "now")

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self.buckets: list[list[int]] = []

    def add(self, minute: int, distinct: int, negative: int, copies: int, mass: int, offset: int, learned: int) -> None:
        """Count in the event minute `minute`; what is older than 24 to 25 hours is not kept."""
        now, buckets = self.now, self.buckets
        if minute < kept_from(now):
            return
        start = place(min(minute, now), now)
        if buckets and buckets[-1][0] == start:
            bucket = buckets[-1]
        elif not buckets or buckets[-1][0] < start:
            buckets.append([start, distinct, negative, copies, mass, offset, learned])
            return
        else:
            at = bisect_left(buckets, start, key=_START)
            bucket = buckets[at]
            if bucket[0] != start:
                buckets.insert(at, [start, distinct, negative, copies, mass, offset, learned])
                return
        bucket[1] += distinct
        bucket[2] += negative
        bucket[3] += copies
        bucket[4] += mass
        bucket[5] += offset
        bucket[6] += learned

    def compact(self, now: int) -> None:
        """Let time pass to epoch minute `now`: merge and drop what has aged."""
        before = self.now
        if now <= before:
            return
        self.now = now
        buckets, fine = self.buckets, fine_from(now)
        # Every boundary is a multiple of 5 minutes, so none has moved while this one has not.
        if not buckets or buckets[0][0] >= fine or fine == fine_from(before):
            return
        oldest, middle = kept_from(now), middle_from(now)
        if buckets[0][0] < oldest:
            del buckets[: bisect_left(buckets, oldest, key=_START)]
        # Only what lay beyond the old boundary and lies before the new one changes its width.
        moved = middle_from(before) if middle != middle_from(before) else fine_from(before)
        first = bisect_left(buckets, moved, key=_START)
        last = bisect_left(buckets, fine, lo=first, key=_START)
        if first == last:
            return
        merged: list[list[int]] = [buckets[first - 1]] if first else []
        for bucket in buckets[first:last]:
            start = bucket[0]
            bucket[0] = start // 5 * 5 if start >= middle else start // 60 * 60
            if merged and merged[-1][0] == bucket[0]:
                into = merged[-1]
                for column in range(1, 7):
                    into[column] += bucket[column]
            else:
                merged.append(bucket)
        buckets[max(0, first - 1) : last] = merged

    def sums(self, begins: Sequence[int], end: int) -> list[Sums]:
        """Counts of the spans [begins[i], end], epoch minutes.

        Args:
            begins: starts of buckets, latest first.
            end: the last minute that counts; buckets that start later are left out.
        """
        n = k = c = m = o = taught = 0
        out: list[Sums] = []
        size = len(begins)
        begin = begins[0]
        for start, distinct, negative, copies, mass, offset, learned in reversed(self.buckets):
            if start > end:
                continue
            while start < begin:
                out.append((n, k, c, m, o, taught))
                if len(out) == size:
                    return out
                begin = begins[len(out)]
            n += distinct
            k += negative
            c += copies
            m += mass
            o += offset
            taught += learned
        out += [(n, k, c, m, o, taught)] * (size - len(out))
        return out

    def last_day(self, column: int) -> int:
        """Sum of a column of `Sums` over all that is kept."""
        return sum(bucket[column + 1] for bucket in self.buckets)

    def pack(self) -> bytes:
        """Columns of the narrowest integers that hold them; a column of zeros takes no space."""
        columns = list(zip(*self.buckets, strict=True)) if self.buckets else [()] * 7
        base = kept_from(self.now)
        columns[0] = tuple(start - base for start in columns[0])
        codes = [_code(column) for column in columns]
        body = b"".join(
            array(code, column).tobytes() for code, column in zip(codes, columns, strict=True) if code != "0"
        )
        return _HEAD.pack(self.now, len(self.buckets), *(_COLUMN_CODES.index(code) for code in codes)) + body


def _code(column: Sequence[int]) -> str:
    if not column:
        return "0"
    low, high = min(column), max(column)
    if low < 0:
        reach = max(high, -low - 1)
        return "b" if reach < 1 << 7 else "h" if reach < 1 << 15 else "i"
    if high == 0:
        return "0"
    return "B" if high < 1 << 8 else "H" if high < 1 << 16 else "I"


def unpack(packed: bytes, place_in: int = 0) -> Windows:
    """The inverse of `Windows.pack`.

    Raises:
        Inconsistent: the bytes are cut or of another layout.
    """
    try:
        now, size, *codes = _HEAD.unpack_from(packed, place_in)
        at = place_in + _HEAD.size
        columns: list[list[int]] = []
        for code in codes:
            letter = _COLUMN_CODES[code]
            if letter == "0":
                columns.append([0] * size)
                continue
            column = array(letter)
            until = at + size * column.itemsize
            if until > len(packed):
                raise Inconsistent(f"packed windows end after {len(packed)} bytes, {until} are needed")
            column.frombytes(packed[at:until])
            columns.append(column.tolist())
            at = until
    except (IndexError, ValueError, struct.error) as error:
        raise Inconsistent(f"packed windows cannot be read: {error}") from error
    windows = Windows(now)
    base = kept_from(now)
    windows.buckets = [[base + start, *values] for start, *values in zip(*columns, strict=True)]
    return windows
