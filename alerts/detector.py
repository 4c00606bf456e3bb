"""Is this window a spike? Pure functions of a series' windows, its baseline and its group's clock.

For a window with K negative of N distinct texts the score is

    S = min(-log10 p_count, 8) - log10 p_share - log10 windows

p_count is the negative-binomial chance of at least K where the baseline expects M = level * share * local * ticks of the
group clock. p_share is the Beta-binomial chance of at least K negative among N. Two kinds of evidence, the first capped,
because real volumes burst; the last term pays for looking at several windows (Bonferroni). A window is tested only when a
negative text came, K reaches the rule's minimum, and K is more than the usual share of N. The alert's S is the largest.

Windows span 5, 15 and 60 minutes, and for a series that expects fewer than 2 texts in them also 6 and 24 hours: what is
written about a small company comes a few texts a day. Windows begin at the start of a bucket (see alerts/windows.py), and
expectations are taken over exactly the minutes that are summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log10

from alerts.baseline import Baseline
from alerts.season import GroupClock
from alerts.tails import count_tail, evidence, share_tail
from alerts.windows import Sums, Windows, place, width
from contracts.messages import Rule, Severity

SHORT = (5, 15, 60)
LONG = (360, 1440)
ALL_WINDOWS = (*SHORT, *LONG)
SPARSE_TEXTS = 2.0  # a long window is for series that expect fewer texts in it
COUNT_CAP = 8.0
ESCAPED = 0.12  # of the copies, how many pass for distinct texts
SHARE_NORMAL = 2.0  # -log10 p_share below which a share counts as normal
LATE_TESTED_MINUTES = 60
CRITICAL_ABOVE, CRITICAL_TEXTS = 2.0, 10


@dataclass(frozen=True, slots=True)
class Usual:
    """What the baseline says of a series at one moment.

    Attributes:
        rate: texts per tick of the group clock.
        local: local level R, applied to windows of up to an hour.
        share: usual negative share, before share offsets.
        worth: texts that the share is worth.
        shape: of the negative binomial.
    """

    rate: float
    local: float
    share: float
    worth: float
    shape: float


@dataclass(frozen=True, slots=True)
class Test:
    """One window held against its baseline.

    Attributes:
        minutes: nominal span; `begin` and `end` are the first and last minute summed.
        texts, negative: distinct texts less escaped copies.
        sums: the plain counts.
        share: usual negative share, share offsets included.
        penalty: log10 of the windows that were looked at.
        score: S; 0 when the rule does not test this window.
    """

    minutes: int
    begin: int
    end: int
    sums: Sums
    texts: float
    negative: float
    expected_texts: float
    expected_negative: float
    share: float
    p_count: float
    p_share: float
    penalty: float
    score: float


@lru_cache(maxsize=4096)
def spans(end: int, now: int, windows: tuple[int, ...] = ALL_WINDOWS) -> tuple[int, tuple[int, ...]]:
    """(last minute, first minute of each window) of the windows that end with the bucket of minute `end`."""
    start = place(end, now)
    last = min(now, start + width(start, now) - 1)
    return last, tuple(place(last - minutes + 1, now) for minutes in windows)


def usual(baseline: Baseline, clock: GroupClock) -> Usual:
    """Read the baseline once for all windows."""
    shape, rate, local = baseline.level(clock)
    share, worth = baseline.share(clock)
    return Usual(rate, local, share, worth, 1.0 / (1.0 / shape + clock.spread))


def negative(windows: Windows, base: Usual, clock: GroupClock, end: int, minimum: int) -> Test | None:
    """The strongest window of the rule `negative` that ends with minute `end`; None when there is nothing to test.

    Long windows are only looked at when they end now.
    """
    now = windows.now
    last, begins = spans(end, now)
    sums = windows.sums(begins, last)
    if sums[-1][1] < minimum:
        return None
    ends = clock.at(last)
    best: Test | None = None
    penalty = _penalty(base, clock, begins, ends) if end == now else log10(len(SHORT))
    for i, minutes in enumerate(ALL_WINDOWS if end == now else SHORT):
        if sums[i][1] < minimum:
            continue
        ticks = ends - clock.at(begins[i] - 1)
        if minutes > SHORT[-1] and base.rate * ticks >= SPARSE_TEXTS:
            break
        test = weigh(minutes, begins[i], last, sums[i], base, ticks, penalty, minimum)
        if test.score > 0.0 and (best is None or test.score > best.score):
            best = test
    return best


def _penalty(base: Usual, clock: GroupClock, begins: tuple[int, ...], ends: float) -> float:
    """log10 of how many windows are looked at."""
    count = len(SHORT)
    for begin in begins[len(SHORT) :]:
        count += base.rate * (ends - clock.at(begin - 1)) < SPARSE_TEXTS
    return log10(count)


def weigh(
    minutes: int, begin: int, end: int, sums: Sums, base: Usual, ticks: float, penalty: float, minimum: int
) -> Test:
    """Score one window for the rule `negative`."""
    distinct, negatives, copies, _, offset = sums
    texts, negative_texts = float(distinct), float(negatives)
    if copies and distinct:
        escaped = min(ESCAPED * copies, texts)
        negative_texts -= escaped * negative_texts / texts
        texts -= escaped
    share = base.share
    if offset:
        share = min(max(share + offset / 1000.0 / distinct, 0.01), 0.99) if distinct else share
    expected = base.rate * ticks * (base.local if minutes <= SHORT[-1] else 1.0)
    expected_negative = expected * share
    p_count = count_tail(negative_texts, expected_negative, base.shape)
    p_share = share_tail(negative_texts, texts, share * base.worth, (1.0 - share) * base.worth)
    score = 0.0
    if negatives >= minimum and negative_texts > texts * share:
        score = max(0.0, min(evidence(p_count), COUNT_CAP) + evidence(p_share) - penalty)
    return Test(
        minutes, begin, end, sums, texts, negative_texts, expected, expected_negative, share, p_count, p_share, penalty,
        score,
    )  # fmt: skip


def volume(windows: Windows, base: Usual, clock: GroupClock, minimum: int) -> Test | None:
    """The strongest window in which far more is written than usual while the negative share is normal.

    S = -log10 p_count of all distinct texts - log10 windows. Here p_count is of all texts, not of the negative ones.
    """
    return _volume(windows, base, clock, minimum, viral=False)


def viral(windows: Windows, base: Usual, clock: GroupClock, minimum: int) -> Test | None:
    """The strongest window in which copies of few stories flood in while the distinct texts are as many as usual.

    S = -log10 p_count of the copies, against as many copies as distinct texts are usual, - log10 windows.
    """
    return _volume(windows, base, clock, minimum, viral=True)


def _volume(windows: Windows, base: Usual, clock: GroupClock, minimum: int, *, viral: bool) -> Test | None:
    now = windows.now
    last, begins = spans(now, now)
    sums = windows.sums(begins, last)
    if sums[-1][2 if viral else 0] < minimum:
        return None
    ends = clock.at(last)
    best: Test | None = None
    for i, minutes in enumerate(ALL_WINDOWS):
        test = weigh_volume(
            minutes, begins[i], last, sums[i], base, ends - clock.at(begins[i] - 1), minimum, viral=viral
        )
        if minutes > SHORT[-1] and test.expected_texts >= SPARSE_TEXTS:
            break
        if test.score > 0.0 and (best is None or test.score > best.score):
            best = test
    return best


def weigh_volume(
    minutes: int, begin: int, end: int, sums: Sums, base: Usual, ticks: float, minimum: int, *, viral: bool
) -> Test:
    """Score one window for the rules `volume` and `viral`."""
    distinct, negatives, copies, _, _ = sums
    expected = base.rate * ticks * (base.local if minutes <= SHORT[-1] else 1.0)
    seen = copies if viral else distinct
    score, p_count, p_share, penalty = 0.0, 1.0, 1.0, log10(len(ALL_WINDOWS))
    if seen >= minimum and seen > 2.0 * expected:
        p_count = count_tail(seen, expected, base.shape)
        p_share = share_tail(negatives, distinct, base.share * base.worth, (1.0 - base.share) * base.worth)
        normal = count_tail(distinct, expected, base.shape) > 1e-3 if viral else evidence(p_share) < SHARE_NORMAL
        if normal:
            score = max(0.0, evidence(p_count) - penalty)
    return Test(
        minutes, begin, end, sums, distinct, negatives, expected, expected * base.share, base.share, p_count, p_share, penalty,
        score,
    )  # fmt: skip


def again(rule: Rule, minutes: int, windows: Windows, base: Usual, clock: GroupClock, minimum: int) -> Test:
    """The window of an open alert as it stands now, whether or not a text has come."""
    now = windows.now
    last, begins = spans(now, now, (minutes,))
    sums = windows.sums(begins, last)[0]
    ticks = clock.at(last) - clock.at(begins[0] - 1)
    if rule == "negative":
        penalty = log10(len(SHORT) if minutes <= SHORT[-1] else len(ALL_WINDOWS))
        return weigh(minutes, begins[0], last, sums, base, ticks, penalty, minimum)
    return weigh_volume(minutes, begins[0], last, sums, base, ticks, minimum, viral=rule == "viral")


def onset(test: Test, windows: Windows, clock: GroupClock, base: Usual) -> int:
    """The minute in which the spike began: the start of the first bucket of the window with more than expected.

    More negative texts than the baseline expects in that bucket, for the rule `negative`; more texts for the others. It
    is exact to the minute within the last 15 minutes, to 5 minutes within two hours, to the hour beyond.
    """
    per_text = test.expected_negative / test.expected_texts if test.expected_texts > 0.0 else 0.0
    for start, span, _, negatives in windows.rows():
        if start < test.begin or start > test.end:
            continue
        expected = base.rate * (clock.at(start + span - 1) - clock.at(start - 1))
        if negatives > expected * per_text:
            return start
    return test.end if test.negative <= 0 else test.begin


def severity(rule: Rule, score: float, open_at: float, negatives: int) -> Severity:
    """How loud.

    `volume` and `viral` are for information; `negative` warns, and is critical when it is both far beyond the threshold
    (2 more, a hundred times less likely) and broad (10 distinct negative texts or more).
    """
    if rule != "negative":
        return "info"
    return "critical" if score >= open_at + CRITICAL_ABOVE and negatives >= CRITICAL_TEXTS else "warning"
