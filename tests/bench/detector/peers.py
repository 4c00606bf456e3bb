"""What others do, each as its users write it, on the same counts. Scores go to the same episodes and thresholds as ours.

All but the first two see de-duplicated counts. Baselines that need one are given the same: the mean of each hour of the
day over all days before, a week's exponential level on top; so the table compares statistics, not seasons.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.special import betainc, gammainc, gammaln, logsumexp

from tests.bench.detector.episodes import Heat
from tests.bench.detector.simulate import DAY, Floats, Ints, Simulated

WINDOWS = (5, 15, 60)
SMALLEST = 1e-300


class Dense:
    """One series, minute by minute."""

    def __init__(self, n: Ints, k: Ints, c: Ints) -> None:
        self.n, self.k, self.c = n.astype(float), k.astype(float), c.astype(float)
        self.expected_k = usual(self.k)
        self.expected_n = usual(self.n)


def last(values: Floats, minutes: int) -> Floats:
    """Sum over the last `minutes`, at each minute."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    begin = np.maximum(np.arange(values.size) + 1 - minutes, 0)
    return total[1:] - total[begin]


def usual(values: Floats) -> Floats:
    """Expected per minute: hour of the day's profile of the days before, times a week's exponential level."""
    days = values.size // DAY
    hours = values[: days * DAY].reshape(days, 24, 60).sum(axis=2)
    kept, level, out = np.exp(-1.0 / 7.0), 0.3, np.empty((days, 24))
    weight = 1.5 / DAY  # days: the prior of our own detector
    profile, seen = np.ones(24), np.zeros(24)
    for day in range(days):
        out[day] = level / weight / DAY * profile  # texts a minute
        level, weight = level * kept + hours[day].sum(), weight * kept + 1.0
        seen += hours[day]
        profile = (seen + 20.0 / 24.0) / (seen.mean() + 20.0 / 24.0)
    return np.interp(np.arange(values.size), np.arange(days * 24) * 60 + 30, out.ravel())


def rolling_z(one: Dense) -> Floats:
    """Mentions of an hour, copies and all, against mean and deviation of the last day's hours."""
    hour = last(one.k + one.c, 60)
    mean = last(hour, DAY) / DAY
    deviation = np.sqrt(np.maximum(last(hour * hour, DAY) / DAY - mean * mean, 0.0))
    return np.where(one.k + one.c > 0, (hour - mean) / np.maximum(deviation, 0.5), 0.0)


def threshold_on_rate(one: Dense) -> Floats:
    """As Prometheus users write it: rate[5m] > x * avg_over_time[1d] and at least five in five minutes."""
    five = last(one.k + one.c, 5)
    return np.where(five >= 5, five / np.maximum(last(one.k + one.c, DAY) / (DAY / 5), 0.02), 0.0)


def fixed_share(one: Dense) -> Floats:
    """Negative share of an hour with at least five texts."""
    n, k = last(one.n, 60), last(one.k, 60)
    return np.where(n >= 5, k / np.maximum(n, 1.0) + 1e-3 * np.minimum(n, 500), 0.0)


def ewma_z(one: Dense) -> Floats:
    """Seasonal EWMA: (K - M) / sqrt(M + 1), the largest of three windows."""
    return _largest(one, lambda k, m, _n, _q: (k - m) / np.sqrt(m + 1.0))


def poisson(one: Dense) -> Floats:
    """-log10 of the Poisson tail, the largest of three windows."""
    return _largest(one, lambda k, m, _n, _q: _logs(np.where(k > 0, gammainc(np.maximum(k, 1e-9), m), 1.0)))


def negative_binomial(one: Dense) -> Floats:
    """The same of the negative binomial with phi = 0.03 and the shape of half its texts."""

    def tail(k: Floats, m: Floats, _n: Floats, _q: Floats) -> Floats:
        shape = 1.0 / (1.0 / (0.3 + float(one.n.sum()) / 2.0) + 0.03)
        return _logs(np.where(k > 0, betainc(np.maximum(k, 1e-9), shape, m / (shape + m)), 1.0))

    return _largest(one, tail)


def share(one: Dense) -> Floats:
    """-log10 of the Beta-binomial tail of the negative share, worth 30 texts."""

    def tail(k: Floats, _m: Floats, n: Floats, q: Floats) -> Floats:
        out = np.zeros_like(k)
        for at in np.flatnonzero((k >= 2) & (k > n * q)):
            out[at] = -_log10_beta_binomial(int(k[at]), int(n[at]), 30.0 * q[at], 30.0 * (1.0 - q[at]))
        return out

    return _largest(one, tail)


def fisher(one: Dense) -> Floats:
    """Fisher's combination of the last two."""
    return negative_binomial(one) + share(one)


PEERS: dict[str, Callable[[Dense], Floats]] = {
    "rolling z, 60 min": rolling_z,
    "Prometheus-style threshold": threshold_on_rate,
    "fixed share": fixed_share,
    "EWMA z, seasonal": ewma_z,
    "Poisson tail": poisson,
    "NB tail": negative_binomial,
    "Beta-binomial share": share,
    "Fisher of the last two": fisher,
}


def _largest(one: Dense, score: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Floats:
    """The largest score of three windows, where a negative text came and four are there."""
    best = np.zeros_like(one.k)
    came = np.flatnonzero(one.k > 0)
    for minutes in WINDOWS:
        k = last(one.k, minutes)[came]
        some = came[k >= 4]
        if not some.size:
            continue
        k, n = k[k >= 4], last(one.n, minutes)[some]
        m = np.maximum(last(one.expected_k, minutes)[some], 1e-4)
        q = np.clip(m / np.maximum(last(one.expected_n, minutes)[some], 2e-4), 0.05, 0.9)
        best[some] = np.maximum(best[some], score(k, m, n, q))
    return best


def _logs(p: Floats) -> Floats:
    return -np.log10(np.maximum(p, SMALLEST))


def _log10_beta_binomial(k: int, n: int, alpha: float, beta: float) -> float:
    j = np.arange(k, n + 1, dtype=float)
    terms = (
        gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
        + gammaln(j + alpha) + gammaln(n - j + beta) - gammaln(n + alpha + beta)
        + gammaln(alpha + beta) - gammaln(alpha) - gammaln(beta)
    )  # fmt: skip
    return float(min(0.0, logsumexp(terms)) / np.log(10.0))


def dense(simulated: Simulated, rows: Ints) -> Dense:
    """A series of a world, minute by minute. `rows`: where its counts are."""
    counts, minutes = simulated.counts, simulated.world.minutes
    columns = [np.zeros(minutes, np.int64) for _ in range(3)]
    for column, values in zip(columns, (counts.all, counts.negative, counts.copies), strict=True):
        column[counts.minute[rows]] = values[rows]
    return Dense(*columns)


def rows_by_series(simulated: Simulated) -> list[Ints]:
    """Where each series' counts are, in order of time."""
    order = np.argsort(simulated.counts.series, kind="stable")
    cuts = np.searchsorted(simulated.counts.series[order], np.arange(simulated.world.series + 1))
    return [order[low:high] for low, high in pairwise(cuts)]


def heats(simulated: Simulated) -> dict[str, Heat]:
    """Every peer's scores of the scored days."""
    found: dict[str, list[tuple[Ints, Ints, Floats]]] = {name: [] for name in PEERS}
    begin = simulated.world.scored_from
    for series, rows in enumerate(rows_by_series(simulated)):
        one = dense(simulated, rows)
        for name, peer in PEERS.items():
            scores = peer(one)[begin:]
            some = np.flatnonzero(scores > 0.0)
            found[name].append((np.full(some.size, series), some + begin, scores[some]))
    return {
        name: Heat(*(np.concatenate(column) for column in zip(*parts, strict=True))) for name, parts in found.items()
    }


def five_minutes(simulated: Simulated) -> Ints:
    """Negative texts by series and 5 minutes: what the libraries' detectors are given."""
    out = np.zeros((simulated.world.series, simulated.world.minutes // 5), np.int64)
    np.add.at(out, (simulated.counts.series, simulated.counts.minute // 5), simulated.counts.negative)
    return out


def heat_of_matrix(simulated: Simulated, scores: Floats) -> Heat:
    """Scores by series and 5 minutes as a heat; a bucket's score is known at its end."""
    first = simulated.world.scored_from // 5
    series, bucket = np.nonzero(scores[:, first:] > 0.0)
    return Heat(series, (bucket + first) * 5 + 4, scores[series, bucket + first])
