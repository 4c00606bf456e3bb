"""What a live source normally delivers at this hour, and when its silence is longer than that: pure.

Items are counted per hour of the day, working days apart from weekends: 48 places, each the mean of the hours seen, the last
eight weighing most. A silence is abnormal when the source would normally have brought `MISSED` items meanwhile and brought
none. Items of a source come in bursts, so MISSED is well above what a Poisson law would ask for (3 items: 5 %).
Hours are UTC; what shifts with summer time is learned anew within a week or two, and meanwhile the neighbouring hours count.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.clock import DAY_MS, HOUR_MS

PLACES = 48
MEMORY = 8  # hours of one place: at most this many weigh in its mean
LEARNED = 3  # hours of a place that must be seen before it says anything
MISSED = 10.0
LONGEST_MS = 14 * DAY_MS  # a silence longer than this is counted no further


class Rhythm(BaseModel):
    """The hours a source has seen.

    Attributes:
        means: items per hour, by place.
        seen: hours seen per place, up to MEMORY.
        hour_ms: the hour being counted; 0 before any.
        count: items in it.
    """

    means: list[float] = Field(default_factory=lambda: [0.0] * PLACES)
    seen: list[int] = Field(default_factory=lambda: [0] * PLACES)
    hour_ms: int = 0
    count: int = 0

    def counted(self, items: int, now_ms: int, *, reachable: bool = True) -> Rhythm:
        """With `items` more that came now; hours that have closed go into their means.

        Args:
            items: fresh items.
            now_ms: wall time.
            reachable: whether the source could be looked at. An hour in which it could not teaches nothing.
        """
        hour_ms = now_ms // HOUR_MS * HOUR_MS
        if hour_ms == self.hour_ms:
            return self.model_copy(update={"count": self.count + items}) if items else self
        means, seen = list(self.means), list(self.seen)
        # Of a gap of more than a day nothing is learned: nobody was there.
        if self.hour_ms and reachable and 0 < hour_ms - self.hour_ms <= DAY_MS:
            count = self.count
            for closed_ms in range(self.hour_ms, hour_ms, HOUR_MS):
                place = place_of(closed_ms)
                seen[place] = min(MEMORY, seen[place] + 1)
                means[place] += (count - means[place]) / seen[place]
                count = 0
        return Rhythm(means=means, seen=seen, hour_ms=hour_ms, count=items)

    def expected(self, now_ms: int) -> float | None:
        """Items an hour normally brings at this time; the least of the hour and its neighbours. None until it is learned."""
        places = [place_of(now_ms + offset) for offset in (-HOUR_MS, 0, HOUR_MS)]
        known = [self.means[place] for place in places if self.seen[place] >= LEARNED]
        return min(known) if len(known) == len(places) else None

    def missed(self, since_ms: int, now_ms: int) -> float:
        """Items that would normally have come between two times; hours not learned count for none."""
        total = 0.0
        at = max(since_ms, now_ms - LONGEST_MS)
        while at < now_ms and total < MISSED * 10:
            end = min(now_ms, (at // HOUR_MS + 1) * HOUR_MS)
            total += (self.expected(at) or 0.0) * (end - at) / HOUR_MS
            at = end
        return total

    def is_silent(self, last_ms: int, now_ms: int) -> bool:
        """Whether nothing since `last_ms` is more silence than normal. False for a source that never brought anything."""
        return bool(last_ms) and self.missed(last_ms, now_ms) >= MISSED


def place_of(at_ms: int) -> int:
    """The place of a time: its hour, and whether it lies on a weekend (1 January 1970 was a Thursday)."""
    weekend = (at_ms // DAY_MS + 3) % 7 >= 5
    return at_ms % DAY_MS // HOUR_MS + 24 * weekend
