"""What a series normally does: its level, its local level and its negative share.

Level: Harvey-Fernandes discounting of a Gamma-Poisson rate (A. C. Harvey and C. Fernandes, 1989) per tick of the group
clock, with a week's memory. A series starts from a prior, and time in which it was watched and silent counts as evidence
that it is rare. What a minute teaches is winsorised at mean + 4 standard deviations + 1, so that a spike teaches little
(after the down-weighting of past outbreaks of Farrington and Noufaily).
"""

from __future__ import annotations

from math import exp, sqrt
from struct import Struct
from typing import NamedTuple

from alerts.season import LEARN_MINUTES, LOCAL_MINUTES, GroupClock

PRIOR_TEXTS, PRIOR_MINUTES = 0.3, 1.5  # 0.2 texts a minute, worth 90 seconds
PRIOR_NEGATIVE, PRIOR_OTHER = 1.0, 3.0  # a share of 25 %, worth 4 texts
SHARE_WORTH = 30.0  # texts that the usual share may weigh: shares drift
LOCAL_PRIOR = 8.0  # texts: a local level is believed when it has seen about this many
LOCAL_LOW, LOCAL_HIGH = 0.25, 6.0
SPREAD_FROM = 2.0  # texts an hour must expect to say something about overdispersion
_LAYOUT = Struct("<5I10d")
BASELINE_BYTES = _LAYOUT.size


class Usual(NamedTuple):
    """What is normal for a series.

    Attributes:
        rate: texts per tick of the group clock.
        shape: of the negative binomial around it.
        share: negative share q, before share offsets.
        worth: texts that the share is worth.
    """

    rate: float
    shape: float
    share: float
    worth: float


class Known(NamedTuple):
    """What a series has taught at one moment.

    Attributes:
        texts, negative: A and Ak now.
        ticks: ticks of the group clock, and the prior's, in which they came.
        prior_ticks: the prior's alone.
        local: local level R.
        spread: phi of the group.
        unfolded: (winsorised) texts of the open minute, which A does not hold yet.
    """

    texts: float
    negative: float
    ticks: float
    prior_ticks: float
    local: float
    spread: float
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
        # What lies in the window has been forgotten in part, on average since its middle.
        kept = 1.0 - 0.5 * own_ticks / LEARN_MINUTES
        texts = max(0.0, self.texts - own * kept)
        negative = min(max(0.0, self.negative - own * own_share * kept), texts)
        shape = PRIOR_TEXTS + texts
        size = PRIOR_NEGATIVE + PRIOR_OTHER + texts
        return Usual(
            shape / max(self.prior_ticks, self.ticks - own_ticks * kept),
            1.0 / (1.0 / shape + self.spread),
            (PRIOR_NEGATIVE + negative) / size,
            min(size, SHARE_WORTH),
        )


class Baseline:
    """The baseline of one series; decays are taken when it is read or folded, never on a timer.

    Attributes:
        age: live minutes of the group clock at which `texts` and `negative` were last decayed.
        texts: A, winsorised texts with a week's memory.
        negative: Ak, the negative ones of them, less the share offset of the bundles that said so.
        near: Kf, winsorised texts with 90 minutes' memory.
        unseen: the part of the clock's B from before the series was watched, as of `unseen_age`.
        prior_minutes: what the prior rate is worth.
        minute: the visible minute whose texts are not folded yet; 0 = none.
        open_age: live minutes of the clock in that minute.
        open_texts, open_negative: its texts; late ones weigh what is left of them.
        cap: winsorising limit of that minute.
        hour, hour_texts, hour_from: the hour being summed for overdispersion, and C at its begin.
    """

    __slots__ = (
        "age",
        "cap",
        "hour",
        "hour_from",
        "hour_texts",
        "minute",
        "near",
        "negative",
        "open_age",
        "open_negative",
        "open_texts",
        "prior_minutes",
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
        self.texts = self.negative = self.near = 0.0
        if since is not None:
            self.unseen = clock.learned - clock.learned_since(since)
            self.prior_minutes = PRIOR_MINUTES
        else:
            self.unseen = clock.learned
            pooled = clock.level / clock.series if clock.series else 0.0
            self.prior_minutes = PRIOR_TEXTS / pooled if pooled > 0.0 else PRIOR_MINUTES
        self.minute = self.open_age = self.hour = 0
        self.open_texts = self.open_negative = self.cap = self.hour_texts = self.hour_from = 0.0

    def known(self, clock: GroupClock) -> Known:
        """What the series has taught so far, decayed to now."""
        kept = exp((self.age - clock.age) / LEARN_MINUTES)
        texts = self.texts * kept
        unseen = self.unseen * exp((self.unseen_age - clock.age) / LEARN_MINUTES)
        ticks = self.prior_minutes + max(0.0, clock.learned - unseen)
        near = self.near * exp((self.age - clock.age) / LOCAL_MINUTES)
        local = (LOCAL_PRIOR + near) / (LOCAL_PRIOR + (PRIOR_TEXTS + texts) / ticks * clock.local)
        unfolded = min(self.open_texts, self.cap) if self.minute else 0.0
        return Known(
            texts=texts,
            negative=self.negative * kept,
            ticks=ticks,
            prior_ticks=self.prior_minutes,
            local=min(max(local, LOCAL_LOW), LOCAL_HIGH),
            spread=clock.spread,
            unfolded=unfolded,
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
            usual = known.usual()
            mean = usual.rate * clock.step
            self.cap = mean + 4.0 * sqrt(mean + mean * mean / usual.shape) + 1.0
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
        self._sum_hour(clock, texts)
        kept = exp((self.age - self.open_age) / LEARN_MINUTES)
        self.near = self.near * exp((self.age - self.open_age) / LOCAL_MINUTES) + texts
        self.texts = self.texts * kept + texts
        self.negative = min(max(0.0, self.negative * kept + negative), self.texts)
        self.age = self.open_age
        self.minute = 0

    def _sum_hour(self, clock: GroupClock, texts: float) -> None:
        """Sum the folded minute's hour; when an hour is over, tell the clock how far it lay from its expectation."""
        hour = self.minute // 60
        if hour != self.hour:
            if self.hour and clock.minute // 60 - self.hour <= 24:
                expected = self.known(clock).usual().rate * (clock.at(self.hour * 60 + 59) - self.hour_from)
                if expected >= SPREAD_FROM:
                    clock.note_spread(self.hour_texts, expected)
            self.hour, self.hour_texts = hour, 0.0
            self.hour_from = clock.at(hour * 60 - 1) if clock.minute // 60 - hour <= 24 else 0.0
        self.hour_texts += texts

    def pack(self) -> bytes:
        """Everything, exactly."""
        return _LAYOUT.pack(
            self.age, self.unseen_age, self.minute, self.hour, self.open_age,
            self.texts, self.negative, self.near, self.unseen, self.prior_minutes,
            self.open_texts, self.open_negative, self.cap, self.hour_texts, self.hour_from,
        )  # fmt: skip


def unpack_baseline(packed: bytes, place: int = 0) -> Baseline:
    """The inverse of `Baseline.pack`."""
    baseline = Baseline.__new__(Baseline)
    (
        baseline.age, baseline.unseen_age, baseline.minute, baseline.hour, baseline.open_age,
        baseline.texts, baseline.negative, baseline.near, baseline.unseen, baseline.prior_minutes,
        baseline.open_texts, baseline.open_negative, baseline.cap, baseline.hour_texts, baseline.hour_from,
    ) = _LAYOUT.unpack_from(packed, place)  # fmt: skip
    return baseline
