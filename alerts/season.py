"""Group clocks: how fast event time "ticks" for a group of series, given hour, weekday and what the market does.

A series expects `level * (C(end) - C(begin - 1))` texts in a span of minutes, where C is its group's clock. The clock of
minute t advances by e_t = season(hour of week) * surge, 1 on average. What is learned (B, F, ages) stands still while the
group's data is missing (`live` is False), so that an outage teaches nobody silence; C itself runs on, so that what comes
in after an outage is judged against what is usual.

A clock is advanced lazily: only when its group has documents or an open alert. Where it stops on the way is then a
function of the log alone, and months without documents cost half-hour steps in closed form.
"""

from __future__ import annotations

from array import array
from math import ceil, exp
from struct import Struct
from typing import Literal

from alerts.spread import SPREAD_BYTES, Spread, unpack_spread
from alerts.tails import so_few

LEARN_MINUTES = 10_080.0  # memory of levels: a week
SURGE_MINUTES = 6.0  # memory of the group's surge
LOCAL_MINUTES = 90.0  # memory of the local level
DAY_KEPT = exp(-1.0 / LEARN_MINUTES)
LOCAL_KEPT = exp(-1.0 / LOCAL_MINUTES)
SURGE_KEPT = exp(-1.0 / SURGE_MINUTES)
SURGE_PRIOR = 20.0  # texts: a surge is believed when the group has seen about this many
SURGE_LOW, SURGE_HIGH = 0.7, 4.0
WEEK_KEPT = 0.75  # a slot of the week is seen once a week: 4 weeks of memory
SEASON_PRIOR = 20.0  # texts: what an hour must have seen for its own rhythm to be half believed
SEASON_LOW, SEASON_HIGH = 0.1, 10.0
OUTAGE_EXPECTED = 20.0  # an outage is judged over spans that expect this many texts
OUTAGE_P = 1e-4
OUTAGE_TRUST = 20.0  # texts a group must have taught before its silence means anything
RING = 192  # minutes whose clock is remembered: 120 of windows, 60 of lateness, and some
HOURS = 27  # full hours whose clock is remembered
WEEK = 168
_HEAD = Struct("<IIQ?7d2dQ2dII")


class GroupClock:
    """The clock of one group. All times are epoch minutes.

    Attributes:
        start: first minute of the clock.
        minute: the minute that is open; all before it are closed.
        age: live minutes closed so far.
        live: False while the group's documents are missing.
        total: C at the end of the last closed minute.
        learned: B, the clock with a week's memory.
        local: F, the clock with 90 minutes' memory.
        texts: A of the group: its (winsorised) texts with a week's memory.
        open_texts: (winsorised) texts of the open minute.
        series: how many series the group has.
        spread: overdispersion of its series' hours, pooled.
        shared: whether the group has several series, so that its surge says something about each.
    """

    __slots__ = (
        "age",
        "hour_live",
        "hour_texts",
        "hours",
        "learned",
        "live",
        "live_by_hour",
        "local",
        "minute",
        "open_texts",
        "ring",
        "season",
        "series",
        "shared",
        "span_expected",
        "span_seen",
        "spread",
        "start",
        "step",
        "surge_expected",
        "surge_seen",
        "texts",
        "texts_by_hour",
        "total",
    )

    def __init__(self, start: int, *, shared: bool) -> None:
        self.start = self.minute = start
        self.shared = shared
        self.age = 0
        self.live = True
        self.total = self.learned = self.local = self.texts = self.open_texts = 0.0
        self.surge_seen = self.surge_expected = 0.0
        self.span_expected = self.span_seen = 0.0
        self.series = 0
        self.spread = Spread()
        self.hour_texts, self.hour_live = 0.0, 0
        self.ring = array("d", bytes(8 * RING))
        self.hours = array("d", bytes(8 * HOURS))
        self.texts_by_hour = array("f", bytes(4 * WEEK))
        self.live_by_hour = array("f", bytes(4 * WEEK))
        self.season = array("f", [1.0] * WEEK)
        self.step = self._step_of(start)

    @property
    def level(self) -> float:
        """Texts that the group as a whole expects per tick of its clock."""
        return self.texts / self.learned if self.learned > 0.0 else 0.0

    @property
    def surge(self) -> float:
        """G: how much busier than usual the group is right now, 0.7 to 4."""
        if not self.shared:
            return 1.0
        ratio = (self.surge_seen + SURGE_PRIOR) / (self.surge_expected + SURGE_PRIOR)
        return min(max(ratio, SURGE_LOW), SURGE_HIGH)

    def at(self, minute: int) -> float:
        """C at the end of `minute`; for minutes beyond the ring it must be the last minute of an hour."""
        if minute >= self.minute:
            return self.total + self.step * (minute - self.minute + 1)
        if minute < self.start:
            return 0.0
        if self.minute - minute <= RING:
            return self.ring[minute % RING]
        return self.hours[minute // 60 % HOURS]

    def learned_since(self, since: int) -> float:
        """The part of B that was learned after the minute `since`, were time to have run evenly."""
        whole, part = self.minute - self.start, self.minute - max(since, self.start)
        if part >= whole:
            return self.learned
        return self.learned * (1.0 - exp(-part / LEARN_MINUTES)) / (1.0 - exp(-whole / LEARN_MINUTES))

    def advance(self, minute: int) -> None:
        """Close every minute before `minute`."""
        if minute <= self.minute:
            return
        self._close_open()
        while self.minute < minute:
            # To the next half hour at most: the season is linear there, so its middle is its mean.
            run = min(minute - self.minute, 30 - self.minute % 30)
            if self.live and self.shared and abs(self.surge - 1.0) > 0.05:
                run = 1
            self._close_empty(run, minute)

    def _step_of(self, minute: float) -> float:
        return self._season_at(minute) * self.surge

    def _season_at(self, minute: float) -> float:
        """Season at a minute, linear between the middles of the hours."""
        position = (minute + 0.5) / 60.0 - 0.5
        hour = int(position)
        part = position - hour
        return self.season[hour % WEEK] * (1.0 - part) + self.season[(hour + 1) % WEEK] * part

    def _close_open(self) -> None:
        seen, step = self.open_texts, self.step
        expected = self.level * step
        if not self.live and seen > 0.0 and so_few(seen, expected) >= OUTAGE_P:
            self.live = True
            self.span_expected = self.span_seen = 0.0
        self.total += step
        self._remember(self.minute)
        self.open_texts = 0.0
        if self.live:
            self._learn(1, step, seen)
            self.surge_seen = self.surge_seen * SURGE_KEPT + seen
            self.surge_expected = self.surge_expected * SURGE_KEPT + expected / self.surge
            self.span_expected += expected
            self.span_seen += seen
            self._judge_outage()
        self._open(self.minute + 1)

    def _close_empty(self, run: int, target: int) -> None:
        """Close `run` minutes without documents, all within one half hour."""
        step = self._season_at(self.minute + (run - 1) / 2.0) * (self.surge if self.live else 1.0)
        expected = self.level * step
        if self.live and self.texts >= OUTAGE_TRUST and expected > 0.0:
            run = min(run, max(1, ceil((OUTAGE_EXPECTED - self.span_expected) / expected)))
        first, total = self.minute, self.total
        for minute in range(max(first, target - RING), first + run):
            self.ring[minute % RING] = total + step * (minute - first + 1)
        last = first + run - 1
        self.total = total + step * run
        if last % 60 == 59:
            self.hours[last // 60 % HOURS] = self.total
        if self.live:
            self._learn(run, step, 0.0)
            kept = SURGE_KEPT**run
            self.surge_seen *= kept
            self.surge_expected = self.surge_expected * kept + expected / self.surge * (1.0 - kept) / (1.0 - SURGE_KEPT)
            self.span_expected += expected * run
            self._judge_outage()
        self._open(last + 1)

    def _remember(self, minute: int) -> None:
        self.ring[minute % RING] = self.total
        if minute % 60 == 59:
            self.hours[minute // 60 % HOURS] = self.total

    def _learn(self, run: int, step: float, seen: float) -> None:
        """Live minutes: B, F and the group's own level take in `run` minutes of `step`, the last with `seen` texts."""
        kept, near = DAY_KEPT**run, LOCAL_KEPT**run
        self.age += run
        self.learned = self.learned * kept + step * (1.0 - kept) / (1.0 - DAY_KEPT)
        self.local = self.local * near + step * (1.0 - near) / (1.0 - LOCAL_KEPT)
        self.texts = self.texts * kept + seen
        self.spread.fade(kept)
        self.hour_texts += seen
        self.hour_live += run

    def _judge_outage(self) -> None:
        if self.span_expected < OUTAGE_EXPECTED:
            return
        if self.texts >= OUTAGE_TRUST and so_few(self.span_seen, self.span_expected) < OUTAGE_P:
            self.live = False
            self.surge_seen = self.surge_expected = 0.0
        self.span_expected = self.span_seen = 0.0

    def _open(self, minute: int) -> None:
        """Make `minute` the open one; at full hours fold the hour into the season, at midnight renew the season."""
        if minute % 60 == 0 and self.hour_live:
            slot = (minute // 60 - 1) % WEEK
            self.texts_by_hour[slot] = self.texts_by_hour[slot] * WEEK_KEPT + self.hour_texts
            self.live_by_hour[slot] = self.live_by_hour[slot] * WEEK_KEPT + self.hour_live / 60.0
            self.hour_texts, self.hour_live = 0.0, 0
            if minute % 1440 == 0:
                self._renew_season()
        self.minute = minute
        self.step = self._step_of(minute)

    def _renew_season(self) -> None:
        """Flat for the first day, the hour's rhythm for the first week, the hour of week's from then on.

        An hour's factor is its rate over the mean rate, shrunk by SEASON_PRIOR texts towards 1, and an hour of week's
        towards its hour's.
        """
        live = sum(self.live_by_hour)
        rate = sum(self.texts_by_hour) / live if live else 0.0
        if self.age < 1440 or rate <= 0.0:
            return
        hourly = [
            (sum(self.texts_by_hour[hour::24]) + SEASON_PRIOR)
            / (sum(self.live_by_hour[hour::24]) * rate + SEASON_PRIOR)
            for hour in range(24)
        ]
        factors = [hourly[slot % 24] for slot in range(WEEK)]
        if self.age >= LEARN_MINUTES:
            factors = [
                factor * (seen + SEASON_PRIOR) / (hours * rate * factor + SEASON_PRIOR)
                for factor, seen, hours in zip(factors, self.texts_by_hour, self.live_by_hour, strict=True)
            ]
        mean = sum(factors) / WEEK
        self.season = array("f", [min(max(factor / mean, SEASON_LOW), SEASON_HIGH) for factor in factors])

    def pack(self) -> bytes:
        """Everything, exactly."""
        return b"".join((
            _HEAD.pack(
                self.start, self.minute, self.age, self.live,
                self.total, self.learned, self.local, self.texts, self.open_texts, self.surge_seen, self.surge_expected,
                self.span_expected, self.span_seen, self.series,
                self.hour_texts, self.step, self.hour_live, self.shared,
            ),
            self.ring.tobytes(), self.hours.tobytes(), self.texts_by_hour.tobytes(), self.live_by_hour.tobytes(),
            self.season.tobytes(), self.spread.pack(),
        ))  # fmt: skip


CLOCK_BYTES = _HEAD.size + 8 * (RING + HOURS) + 4 * 3 * WEEK + SPREAD_BYTES


def unpack_clock(packed: bytes) -> GroupClock:
    """The inverse of `GroupClock.pack`; `packed` holds exactly CLOCK_BYTES."""
    values = _HEAD.unpack_from(packed)
    clock = GroupClock(values[0], shared=bool(values[17]))
    (
        _, clock.minute, clock.age, clock.live,
        clock.total, clock.learned, clock.local, clock.texts, clock.open_texts, clock.surge_seen, clock.surge_expected,
        clock.span_expected, clock.span_seen, clock.series,
        clock.hour_texts, step, clock.hour_live, _,
    ) = values  # fmt: skip
    at = _HEAD.size
    columns: list[array[float]] = []
    layout: tuple[tuple[Literal["d", "f"], int], ...] = (
        ("d", RING),
        ("d", HOURS),
        ("f", WEEK),
        ("f", WEEK),
        ("f", WEEK),
    )
    for code, size in layout:
        column = array(code)
        until = at + column.itemsize * size
        column.frombytes(packed[at:until])
        columns.append(column)
        at = until
    clock.ring, clock.hours, clock.texts_by_hour, clock.live_by_hour, clock.season = columns
    clock.step = step
    clock.spread = unpack_spread(packed, at)
    return clock
