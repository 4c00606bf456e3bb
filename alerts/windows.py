"""What a series counted in the last 24 hours: sparse buckets that grow coarser with age.

Minutes for the last 15 to 20 minutes, 5 minutes for the last two to three hours, hours beyond, nothing after 24 to 25
hours. A bucket's width is a function of its start and of now alone, and buckets hold sums, so the content is a function
of (what was added, now): any order, any grouping and any moments of compacting give the same windows.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from contracts.errors import Inconsistent

FINE_MINUTES = 15
MIDDLE_MINUTES = 120
KEPT_MINUTES = 24 * 60
_COLUMN_CODES = "0BHIbhi"
_HEAD = struct.Struct("<IB6B")

Sums = tuple[int, int, int, int, int]  # distinct, negative, copies, mass, offset


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
    """The buckets of one series, oldest first: bucket i starts at `starts[i]` and counted the i-th of each column.

    Attributes:
        now: epoch minute up to which the buckets are compacted.
    """

    __slots__ = ("copies", "distinct", "mass", "negative", "now", "offset", "starts")

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self.starts: list[int] = []
        self.distinct: list[int] = []
        self.negative: list[int] = []
        self.copies: list[int] = []
        self.mass: list[int] = []
        self.offset: list[int] = []

    def add(self, minute: int, distinct: int, negative: int, copies: int, mass: int, offset: int) -> None:
        """Count in the event minute `minute`; what is older than 24 to 25 hours is not kept."""
        now = self.now
        if minute < kept_from(now):
            return
        start = place(min(minute, now), now)
        starts = self.starts
        if starts and starts[-1] == start:
            at = -1
        else:
            at = len(starts) if not starts or starts[-1] < start else bisect_left(starts, start)
            if at == len(starts) or starts[at] != start:
                starts.insert(at, start)
                for column in (self.distinct, self.negative, self.copies, self.mass, self.offset):
                    column.insert(at, 0)
        self.distinct[at] += distinct
        self.negative[at] += negative
        self.copies[at] += copies
        self.mass[at] += mass
        self.offset[at] += offset

    def compact(self, now: int) -> None:
        """Let time pass to epoch minute `now`: merge and drop what has aged."""
        if now <= self.now:
            return
        before, self.now = self.now, now
        starts = self.starts
        # Every boundary is a multiple of 5 minutes, so none has moved while this one has not.
        if not starts or starts[0] >= fine_from(now) or fine_from(now) == fine_from(before):
            return
        oldest = kept_from(now)
        rows = list(zip(starts, self.distinct, self.negative, self.copies, self.mass, self.offset, strict=True))
        self.starts, self.distinct, self.negative = [], [], []
        self.copies, self.mass, self.offset = [], [], []
        for start, *values in rows:
            if start >= oldest:
                self._append(place(start, now), values)

    def _append(self, start: int, values: Sequence[int]) -> None:
        columns = (self.distinct, self.negative, self.copies, self.mass, self.offset)
        if self.starts and self.starts[-1] == start:
            for column, value in zip(columns, values, strict=True):
                column[-1] += value
            return
        self.starts.append(start)
        for column, value in zip(columns, values, strict=True):
            column.append(value)

    def sums(self, begins: Sequence[int], end: int) -> list[Sums]:
        """Counts of the spans [begins[i], end], epoch minutes.

        Args:
            begins: starts of buckets, latest first.
            end: the last minute that counts; buckets that start later are left out.
        """
        starts, at = self.starts, len(self.starts) - 1
        while at >= 0 and starts[at] > end:
            at -= 1
        n = k = c = m = o = 0
        distinct, negative, copies, mass, offset = self.distinct, self.negative, self.copies, self.mass, self.offset
        out: list[Sums] = []
        for begin in begins:
            while at >= 0 and starts[at] >= begin:
                n += distinct[at]
                k += negative[at]
                c += copies[at]
                m += mass[at]
                o += offset[at]
                at -= 1
            out.append((n, k, c, m, o))
        return out

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """(start, minutes, distinct, negative) of each bucket that holds something, oldest first."""
        for start, distinct, negative in zip(self.starts, self.distinct, self.negative, strict=True):
            yield start, width(start, self.now), distinct, negative

    def pack(self) -> bytes:
        """Columns of the narrowest integers that hold them; a column of zeros takes no space."""
        columns = [[start - kept_from(self.now) for start in self.starts], self.distinct, self.negative]
        columns += [self.copies, self.mass, self.offset]
        codes = [_code(column) for column in columns]
        body = b"".join(
            array(code, column).tobytes() for code, column in zip(codes, columns, strict=True) if code != "0"
        )
        return _HEAD.pack(self.now, len(self.starts), *(_COLUMN_CODES.index(code) for code in codes)) + body


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
    windows.starts = [base + start for start in columns[0]]
    windows.distinct, windows.negative, windows.copies, windows.mass, windows.offset = columns[1:]
    return windows
