"""Is this window a spike? Pure functions of a series' windows, its baseline and its group's clock.

For a window with K negative of N distinct texts the score is

    S = min(-log10 p_count, cap) - log10 p_share - log10 windows + credit

p_count is the negative-binomial chance of at least K where the baseline expects M = level * share * local * ticks of the
group clock. p_share is the Beta-binomial chance of at least K negative among N. Two kinds of evidence, the first capped,
because real volumes burst; the third term pays for looking at several windows (Bonferroni). A window is tested only when a
negative text came, K reaches the rule's minimum, and K is more than the usual share of N. The alert's S is that of the
window that exceeds its threshold most.

Windows span 5, 15 and 60 minutes, and for a series that expects fewer than 2 texts in them also 6 and 24 hours: what is
written about a small company comes a few texts a day. These are credited with being looked at afresh less often. What is
usual is what the baseline knows from outside the window. Windows begin at the start of a bucket (see alerts/windows.py), and
expectations are taken over exactly the minutes that are summed.

Two more rules look at the same windows. `volume`: far more distinct texts than usual at a normal negative share, S =
-log10 p_count of all distinct texts - log10 windows, uncapped. `viral`: a flood of copies of few stories, the same with the
copies against as many as distinct texts are usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log10, sqrt
from typing import NamedTuple, get_args

from alerts.baseline import Known, Usual
from alerts.rules import HOUR, RuleSettings
from alerts.season import GroupClock
from alerts.tails import count_tail, evidence, share_tail
from alerts.windows import Sums, Windows, place, width
from contracts.messages import Rule, Severity, Topic
from contracts.series import DISTINCT_POSITIONS, entity_of, topic_of

SHORT = (5, 15, 60)
TOPICS = len(get_args(Topic))
LONG = (360, 1440)
ALL_WINDOWS = (*SHORT, *LONG)
SPARSE_TEXTS = 2.0  # a long window is for series that expect fewer texts in it
BUSY_TEXTS = 400.0  # of a week's memory: 2 in 6 hours are a seventh of it
LONG_TRUST = 3.0  # a long window is looked at once the baseline rests on this many times its span
# Beyond these the count adds no evidence: real volumes burst, those of series that are seldom written about most of all. At
# the cap a share of p 0.01 is still needed to ring in an hour's window, of 0.1 in 6 hours', of 0.3 in a day's.
COUNT_CAP = {5: 8.0, 15: 8.0, 60: 8.0, 360: 5.75, 1440: 5.75}
LEARNED_UNIT = 10.0  # see alerts/windows.py
COLUMN: dict[Rule, int] = {"negative": 1, "volume": 0, "viral": 2}
# A window of 6 hours is looked at afresh 4 times a day and one of 24 hours once, one of 5 minutes 288 times: the same p
# stands for so many fewer false alarms a day.
CREDIT = {5: 0.0, 15: 0.0, 60: 0.0, 360: log10(72), 1440: log10(288)}
ESCAPED = 0.11  # of the copies, how many pass for distinct texts at most (8 % on average)
SHARE_NORMAL = 2.0  # -log10 p_share below which a share counts as normal
VIRAL_COPIES = 3  # copies per distinct text that make a flood of one of many
LATE_TESTED_MINUTES = 60
CRITICAL_ABOVE, CRITICAL_TEXTS = 1.0, 8


class Test(NamedTuple):
    """One window held against its baseline.

    Attributes:
        minutes: nominal span; `begin` and `end` are the first and last minute summed.
        counts: the plain counts.
        expected_texts, expected_negative: what the baseline expects.
        ticks: of the group clock in the window.
        usual: what is usual outside of the window.
        share: usual negative share, share offsets included.
        looked_at: how many windows the series is looked at in.
        score: S; 0 when the rule does not test this window.
    """

    minutes: int
    begin: int
    end: int
    counts: Sums
    expected_texts: float
    expected_negative: float
    ticks: float
    usual: Usual
    share: float
    p_count: float
    p_share: float
    looked_at: int
    score: float


@lru_cache(maxsize=4096)
def spans(end: int, now: int, windows: tuple[int, ...] = ALL_WINDOWS) -> tuple[int, tuple[int, ...]]:
    """(last minute, first minute of each window) of the windows that end with the bucket of minute `end`."""
    start = place(end, now)
    last = min(now, start + width(start, now) - 1)
    return last, tuple(place(last - minutes + 1, now) for minutes in windows)


class Look(NamedTuple):
    """A window of a series, before it is weighed: its span, its counts, and what is usual outside of it."""

    minutes: int
    begin: int
    end: int
    counts: Sums
    ticks: float
    usual: Usual


def look(windows: Windows, known: Known, clock: GroupClock, end: int, least: Sequence[int] = (1, 1, 1)) -> list[Look]:
    """The windows worth weighing that end with minute `end`, shortest first.

    Long ones are for series that expect few texts in them and whose baseline rests on enough, and only end now.

    Args:
        windows: of the series, compacted to now.
        known: its baseline.
        clock: its group's.
        end: epoch minute.
        least: fewest distinct texts, negative ones and copies of which one must be there, or no rule can ring.
    """
    now = windows.now
    # A series of so many texts expects too many for a long window, whatever it holds: the day's buckets stay unread.
    sizes = ALL_WINDOWS if end == now and known.texts < BUSY_TEXTS else SHORT
    last, begins = spans(end, now, sizes)
    ends = clock.at(last)
    looks: list[Look] = []
    texts, negatives, copies = least
    for minutes, begin, counts in zip(sizes, begins, windows.sums(begins, last), strict=True):
        if counts[1] < negatives and counts[0] < texts and counts[2] < copies:
            continue
        ticks = ends - clock.at(begin - 1)
        if minutes > HOUR and known.ticks < (1.0 + LONG_TRUST) * ticks:
            break
        usual = usual_outside(known, counts, ticks)
        if minutes > HOUR and usual.rate * ticks >= SPARSE_TEXTS:
            break
        looks.append(Look(minutes, begin, last, counts, ticks, usual))
    return looks


class Strongest(NamedTuple):
    """What the windows of one moment amount to.

    Attributes:
        test: the window that exceeds its threshold most, or misses it least; None when none has an S above 0.
        rang: minutes of the longest window that reaches its threshold, 0 when none does.
        fast: S of the strongest window of up to an hour that reaches it, 0 when none does.
    """

    test: Test | None
    rang: int
    fast: float

    def or_then(self, then: Strongest) -> Strongest:
        """This, or the windows that end at a late document if those ring louder."""
        if then.test is None or not then.rang:
            return self
        louder = not self.rang or self.test is None or then.test.score > self.test.score
        return Strongest(then.test if louder else self.test, max(self.rang, then.rang), max(self.fast, then.fast))


def strongest(rule: Rule, looks: Sequence[Look], settings: RuleSettings, slices: int = 1) -> Strongest:
    """Weigh the windows of one moment.

    Args:
        rule: which evidence counts.
        looks: of one moment.
        settings: of the rule.
        slices: into how many series the same texts are cut, all of which are looked at; see `slices_of`.
    """
    best: Test | None = None
    most, longest, fast = 0.0, 0, 0.0
    column = COLUMN[rule]
    for one in looks:
        if one.counts[column] < settings.minimum:
            continue
        test = weigh(rule, one, looked_at(one.minutes) * slices, settings.minimum)
        if test.score <= 0.0:
            continue
        margin = test.score - settings.open_at(one.minutes)
        if best is None or margin > most:
            best, most = test, margin
        if margin >= 0.0:
            longest = max(longest, one.minutes)
            if one.minutes <= HOUR:
                fast = max(fast, test.score)
    return Strongest(best, longest, fast)


def usual_outside(known: Known, counts: Sums, ticks: float) -> Usual:
    """What is usual, leaving out what the window with these counts taught."""
    distinct = counts[0]
    return known.usual(counts[5] / LEARNED_UNIT, counts[1] / distinct if distinct else 0.0, ticks)


def weigh(rule: Rule, one: Look, looks: int, minimum: int) -> Test:
    """Score one window.

    Args:
        rule: which evidence counts.
        one: the window.
        looks: how many windows the series is looked at in, times its slices.
        minimum: fewest negative texts, texts or copies, by rule.
    """
    if rule == "negative":
        return _weigh_negative(one, looks, minimum)
    return _weigh_volume(one, looks, minimum, viral=rule == "viral")


def _weigh_negative(one: Look, looks: int, minimum: int) -> Test:
    minutes, begin, end, counts, ticks, usual = one
    distinct, negatives, copies, _, offset, _ = counts
    texts, negative_texts = float(distinct), float(negatives)
    if copies:
        # A story has the tone of its first text: what is repeated of it may be all that is negative here.
        repeated = min(repeats(copies), texts)
        texts -= repeated
        negative_texts = max(0.0, negative_texts - repeated)
    share = usual.share
    if offset and distinct:
        share = min(max(share + offset / 1000.0 / distinct, 0.01), 0.99)
    expected = usual.rate * ticks * (usual.local if minutes <= HOUR else 1.0)
    p_count = count_tail(negative_texts, expected * share, usual.shape)
    p_share = share_tail(negative_texts, texts, share * usual.worth, (1.0 - share) * usual.worth)
    score = 0.0
    if negative_texts >= minimum and negative_texts > texts * share:
        score = max(
            0.0, min(evidence(p_count), COUNT_CAP[minutes]) + evidence(p_share) + CREDIT[minutes] - log10(looks)
        )
    return Test(
        minutes, begin, end, counts, expected, expected * share, ticks, usual, share, p_count, p_share, looks, score
    )


def _weigh_volume(one: Look, looks: int, minimum: int, *, viral: bool) -> Test:
    minutes, begin, end, counts, ticks, usual = one
    distinct, negatives, copies = counts[:3]
    expected = usual.rate * ticks * (usual.local if minutes <= HOUR else 1.0)
    seen = copies if viral else distinct
    score, p_count, p_share = 0.0, 1.0, 1.0
    if seen >= minimum and seen > 2.0 * expected:
        p_count = count_tail(seen, expected, usual.shape)
        p_share = share_tail(negatives, distinct, usual.share * usual.worth, (1.0 - usual.share) * usual.worth)
        if viral:
            # One story alone brings up to five distinct texts: so few are as usual even where nothing is written.
            normal = distinct <= 2 * DISTINCT_POSITIONS or count_tail(distinct, expected, usual.shape) > 1e-3
            normal = normal and copies >= VIRAL_COPIES * distinct
        else:
            normal = evidence(p_share) < SHARE_NORMAL
        if normal:
            score = max(0.0, evidence(p_count) - log10(looks))
    return Test(
        minutes, begin, end, counts, expected, expected * usual.share, ticks, usual, usual.share, p_count, p_share,
        looks, score,
    )  # fmt: skip


def repeats(copies: int) -> float:
    """How many distinct texts may be one story over again where there are copies.

    Copies begin when a story has filled its places for distinct texts, all but the first of which repeat it, and some
    escape the clustering: their number is taken two standard deviations of its Poisson spread above its mean.
    """
    escaped = ESCAPED * copies
    return DISTINCT_POSITIONS - 1 + escaped + 2.0 * sqrt(escaped)


def slices_of(series: str) -> int:
    """An entity's texts are looked at once more by topic: each of its topics pays for being one of many (Bonferroni)."""
    return TOPICS if entity_of(series) and topic_of(series) else 1


def again(
    rule: Rule, minutes: int, windows: Windows, known: Known, clock: GroupClock, minimum: int, slices: int = 1
) -> Test:
    """The window of an open alert as it stands now, whether or not a text has come."""
    last, begins = spans(windows.now, windows.now, (minutes,))
    counts = windows.sums(begins, last)[0]
    ticks = clock.at(last) - clock.at(begins[0] - 1)
    one = Look(minutes, begins[0], last, counts, ticks, usual_outside(known, counts, ticks))
    return weigh(rule, one, looked_at(minutes) * slices, minimum)


def looked_at(minutes: int) -> int:
    """In how many windows a series is looked at when one of this span decides: long ones come on top of the short."""
    return len(SHORT) if minutes <= HOUR else len(ALL_WINDOWS)


def onset(test: Test, windows: Windows, clock: GroupClock) -> int:
    """The minute in which the spike began: the start of the first bucket of the window with more than expected.

    It holds more negative texts than the baseline expects in it. It is exact to the minute within the last 15 minutes, to
    5 minutes within two hours, to the hour beyond. Without any such bucket (alerts about texts that are not negative), the
    begin of the window's first bucket with texts.
    """
    per_tick = test.expected_negative / test.ticks if test.ticks > 0.0 else 0.0
    first: int | None = None
    for start, distinct, negatives, *_ in windows.buckets:
        if start < test.begin or start > test.end:
            continue
        if negatives > per_tick * (clock.at(start + width(start, windows.now) - 1) - clock.at(start - 1)):
            return start
        if first is None and distinct:
            first = start
    return test.begin if first is None else first


def severity(rule: Rule, score: float, open_at: float, negatives: int) -> Severity:
    """How loud.

    `volume` and `viral` are for information; `negative` warns, and is critical when it is both well beyond the threshold
    (1 more, ten times less likely) and broad (8 distinct negative texts or more).
    """
    if rule != "negative":
        return "info"
    return "critical" if score >= open_at + CRITICAL_ABOVE and negatives >= CRITICAL_TEXTS else "warning"
