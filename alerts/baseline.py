"""What a series normally does: its level, its local level and its negative share.

Level: Harvey-Fernandes discounting of a Gamma-Poisson rate (A. C. Harvey and C. Fernandes, 1989) per tick of the group
clock, with a week's memory. A series starts from a prior, and time in which it was watched and silent counts as evidence
that it is rare. What a minute teaches is winsorised at mean + 4 standard deviations + 1, so that a spike teaches little
(after the down-weighting of past outbreaks of Farrington and Noufaily).
"""

from __future__ import annotations

from math import exp, expm1, sqrt
from struct import Struct
from typing import NamedTuple

from alerts.season import LEARN_MINUTES, LOCAL_MINUTES, GroupClock
from alerts.spread import SPREAD_BYTES, Spread, unpack_spread

PRIOR_TEXTS, PRIOR_MINUTES = 0.3, 1.5  # 0.2 texts a minute, worth 90 seconds
PRIOR_NEGATIVE, PRIOR_OTHER = 1.5, 4.5  # a share of 25 %, worth 6 texts
SHARE_WORTH = 30.0  # texts that a week's share may weigh against the last day's: shares drift
DAY_MINUTES = 1440.0  # memory of the day's share
LOCAL_PRIOR = 8.0  # texts: a local level is believed when it has seen about this many
LOCAL_LOW, LOCAL_HIGH = 0.25, 6.0
SPREAD_FROM = 2.0  # texts an hour must expect to say something about overdispersion
HOUR_KEPT = exp(-60.0 / LEARN_MINUTES)
_LAYOUT = Struct("<5I15d")
BASELINE_BYTES = _LAYOUT.size + SPREAD_BYTES


class Usual(NamedTuple):
    """What is normal for a series.

    Attributes:
        rate: texts per tick of the group clock.
        shape: of the negative binomial around it.
        share: negative share q, before share offsets.
        worth: texts that the share is worth.
        local: local level R: how much busier than its rate the series has been of late.
    """

    rate: float
    shape: float
    share: float
    worth: float
    local: float


class Known(NamedTuple):
    """What a series has taught at one moment.

    Attributes:
        texts, negative: A and Ak now.
        day_texts, day_negative: the same with a day's memory.
        near: Kf now, and `near_ticks` the ticks in which it came.
        ticks: ticks of the group clock, and the prior's, in which A came.
        prior_ticks: the prior's alone.
        phi, rho: overdispersion of its counts and of its share.
        unfolded: (winsorised) texts of the open minute, which A does not hold yet.
    """

    texts: float
    negative: float
    day_texts: float
    day_negative: float
    near: float
    near_ticks: float
    ticks: float
    prior_ticks: float
    phi: float
    rho: float
    unfolded: float

    def usual(self, own_texts: float = 0.0, own_share: float = 0.0, own_ticks: float = 0.0) -> Usual:
        """What is normal, leaving out what a window under test has itself taught.

        Without that, the first texts of a crisis at a company that is rarely written about would make the next ones look
        usual: five texts are more than such a series has learned in months.

        Args:
            own_texts: (winsorised) texts of the window.
            own_share: the window's negative share.
            own_ticks: ticks of the window.
        """
        own = max(0.0, own_texts - self.unfolded)
        in_week = left_of(own_ticks / LEARN_MINUTES)
        in_day = left_of(own_ticks / DAY_MINUTES)
        near = left_of(own_ticks / LOCAL_MINUTES)
        texts = max(0.0, self.texts - own * in_week)
        negative = min(max(0.0, self.negative - own * own_share * in_week), texts)
        shape = PRIOR_TEXTS + texts
        rate = shape / max(self.prior_ticks, self.ticks - own_ticks * in_week)
        size = PRIOR_NEGATIVE + PRIOR_OTHER + texts
        long_worth = min(size, SHARE_WORTH)
        day_texts = max(0.0, self.day_texts - own * in_day)
        day_negative = min(max(0.0, self.day_negative - own * own_share * in_day), day_texts)
        worth = long_worth + day_texts
        local = (LOCAL_PRIOR + max(0.0, self.near - own * near)) / (
            LOCAL_PRIOR + rate * max(0.0, self.near_ticks - own_ticks * near)
        )
        return Usual(
            rate,
            1.0 / (1.0 / shape + self.phi),
            (long_worth * (PRIOR_NEGATIVE + negative) / size + day_negative) / worth,
            min(worth, 1.0 / self.rho - 1.0),
            min(max(local, LOCAL_LOW), LOCAL_HIGH),
        )


def left_of(spans: float) -> float:
    """What a memory has left, on average, of what came evenly over the last `spans` times its length."""
    return -expm1(-spans) / spans if spans > 0.0 else 1.0


class Baseline:
    """The baseline of one series; decays are taken when it is read or folded, never on a timer.

    Attributes:
        age: live minutes of the group clock at which `texts` and `negative` were last decayed.
        texts: A, winsorised texts with a week's memory.
        negative: Ak, the negative ones of them, less the share offset of the bundles that said so.
        day_texts, day_negative: the same with a day's memory.
        near: Kf, winsorised texts with 90 minutes' memory.
        unseen: the part of the clock's B from before the series was watched, as of `unseen_age`.
        prior_minutes: what the prior rate is worth.
        minute: the visible minute whose texts are not folded yet; 0 = none.
        open_age: live minutes of the clock in that minute.
        open_texts, open_negative: its texts; late ones weigh what is left of them.
        cap: winsorising limit of that minute.
        hour, hour_texts, hour_negative: the hour being summed for overdispersion.
        hour_from, hour_rate, hour_share: C at its begin, and what was usual then.
        spread: what its hours have said about overdispersion.
    """

    __slots__ = (
        "age",
        "cap",
        "day_negative",
        "day_texts",
        "hour",
        "hour_from",
        "hour_negative",
        "hour_rate",
        "hour_share",
        "hour_texts",
        "minute",
        "near",
        "negative",
        "open_age",
        "open_negative",
        "open_texts",
        "prior_minutes",
        "spread",
        "texts",
        "unseen",
        "unseen_age",
    )

    def __init__(self, clock: GroupClock, since: int | None) -> None:
        """Start a series.

        Args:
            clock: its group's, advanced to now.
            since: epoch minute since when it has been watched, so that silence since then counts; None when nobody can
                say: it then starts from the pooled rate of its group's series.
        """
        self.age = self.unseen_age = clock.age
        self.texts = self.negative = self.day_texts = self.day_negative = self.near = 0.0
        self.spread = Spread()
        if since is not None:
            self.unseen = clock.learned - clock.learned_since(since)
            self.prior_minutes = PRIOR_MINUTES
        else:
            self.unseen = clock.learned
            pooled = clock.level / clock.series if clock.series else 0.0
            self.prior_minutes = PRIOR_TEXTS / pooled if pooled > 0.0 else PRIOR_MINUTES
        self.minute = self.open_age = self.hour = 0
        self.open_texts = self.open_negative = self.cap = 0.0
        self.hour_texts = self.hour_negative = self.hour_from = self.hour_rate = self.hour_share = 0.0

    def known(self, clock: GroupClock) -> Known:
        """What the series has taught so far, decayed to now."""
        passed = self.age - clock.age
        kept = exp(passed / LEARN_MINUTES)
        of_day = exp(passed / DAY_MINUTES)
        unseen = self.unseen * exp((self.unseen_age - clock.age) / LEARN_MINUTES)
        return Known(
            texts=self.texts * kept,
            negative=self.negative * kept,
            day_texts=self.day_texts * of_day,
            day_negative=self.day_negative * of_day,
            near=self.near * exp(passed / LOCAL_MINUTES),
            near_ticks=clock.local,
            ticks=self.prior_minutes + max(0.0, clock.learned - unseen),
            prior_ticks=self.prior_minutes,
            phi=self.spread.phi(clock.spread.phi()),
            rho=self.spread.rho(clock.spread.rho()),
            unfolded=min(self.open_texts, self.cap) if self.minute else 0.0,
        )

    def note(self, clock: GroupClock, known: Known, texts: float, negative: float) -> float:
        """Take in texts that became visible in the clock's open minute; returns how many of them are not winsorised.

        Args:
            clock: the group's, open at the visible minute.
            known: what the series has taught by now, folded.
            texts: distinct texts; late ones count for what a week's memory has left of them.
            negative: the negative ones of them, less share offsets; may be below 0.
        """
        if self.minute != clock.minute:
            self.minute = clock.minute
            self.open_age = clock.age
            shape = PRIOR_TEXTS + known.texts
            mean = shape / max(known.prior_ticks, known.ticks) * clock.step
            self.cap = mean + 4.0 * sqrt(mean + mean * mean * (1.0 / shape + known.phi)) + 1.0
            self.open_texts = self.open_negative = 0.0
        before = min(self.open_texts, self.cap)
        self.open_texts += texts
        self.open_negative += negative
        return min(self.open_texts, self.cap) - before

    def fold(self, clock: GroupClock) -> None:
        """Fold the visible minute that was noted, once it is closed."""
        if not self.minute or self.minute >= clock.minute:
            return
        texts = min(self.open_texts, self.cap)
        negative = self.open_negative * (texts / self.open_texts) if self.open_texts > 0.0 else 0.0
        self._sum_hour(clock, texts, negative)
        passed = self.age - self.open_age
        kept = exp(passed / LEARN_MINUTES)
        of_day = exp(passed / DAY_MINUTES)
        self.near = self.near * exp(passed / LOCAL_MINUTES) + texts
        self.texts = self.texts * kept + texts
        self.negative = min(max(0.0, self.negative * kept + negative), self.texts)
        self.day_texts = self.day_texts * of_day + texts
        self.day_negative = min(max(0.0, self.day_negative * of_day + negative), self.day_texts)
        self.age = self.open_age
        self.minute = 0

    def _sum_hour(self, clock: GroupClock, texts: float, negative: float) -> None:
        """Sum the folded minute's hour; when an hour is over, learn how far it lay from its expectation."""
        hour = self.minute // 60
        if hour != self.hour:
            usual = self.known(clock).usual()
            if self.hour and clock.minute // 60 - self.hour <= 24:
                self._learn_spread(clock, self.hour_rate * (clock.at(self.hour * 60 + 59) - self.hour_from))
            self.hour, self.hour_texts, self.hour_negative = hour, 0.0, 0.0
            self.hour_from = clock.at(hour * 60 - 1) if clock.minute // 60 - hour <= 24 else 0.0
            self.hour_rate, self.hour_share = usual.rate * usual.local, usual.share
        self.hour_texts += texts
        self.hour_negative += negative

    def _learn_spread(self, clock: GroupClock, expected: float) -> None:
        if expected < SPREAD_FROM:
            return
        phi, rho = self.spread.phi(clock.spread.phi()), self.spread.rho(clock.spread.rho())
        texts, negative = self.hour_texts, min(max(0.0, self.hour_negative), self.hour_texts)
        self.spread.fade(HOUR_KEPT)
        for spread in (clock.spread, self.spread):
            spread.note_count(texts, expected, phi)
            spread.note_share(negative, texts, self.hour_share, rho)

    def pack(self) -> bytes:
        """Everything, exactly."""
        return _LAYOUT.pack(
            self.age, self.unseen_age, self.minute, self.hour, self.open_age,
            self.texts, self.negative, self.day_texts, self.day_negative, self.near, self.unseen, self.prior_minutes,
            self.open_texts, self.open_negative, self.cap,
            self.hour_texts, self.hour_negative, self.hour_from, self.hour_rate, self.hour_share,
        ) + self.spread.pack()  # fmt: skip


def unpack_baseline(packed: bytes, place: int = 0) -> Baseline:
    """The inverse of `Baseline.pack`."""
    baseline = Baseline.__new__(Baseline)
    (
        baseline.age, baseline.unseen_age, baseline.minute, baseline.hour, baseline.open_age,
        baseline.texts, baseline.negative, baseline.day_texts, baseline.day_negative, baseline.near, baseline.unseen,
        baseline.prior_minutes, baseline.open_texts, baseline.open_negative, baseline.cap,
        baseline.hour_texts, baseline.hour_negative, baseline.hour_from, baseline.hour_rate, baseline.hour_share,
    ) = _LAYOUT.unpack_from(packed, place)  # fmt: skip
    baseline.spread = unpack_spread(packed, place + _LAYOUT.size)
    return baseline
