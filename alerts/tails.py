"""Tail probabilities of counts: how surprising is at least this many.

All are scalar, a few microseconds each, and never raise for counts and parameters that a baseline can produce.
"""

from __future__ import annotations

from math import exp, lgamma, log, log10, sqrt

from scipy.special import betainc, gammaincc

SMALLEST = 1e-300  # below this a double's logarithm is lost; nobody reads a p-value that deep
EXACT_UP_TO = 48  # texts for which the Beta-binomial tail is summed exactly


def evidence(p: float) -> float:
    """-log10 of a probability, at most 300."""
    return -log10(p) if p > SMALLEST else 300.0


def count_tail(count: float, mean: float, shape: float) -> float:
    """P(X >= count) for a negative binomial of this mean and shape (variance mean + mean^2 / shape).

    The regularised incomplete beta function I_{mean/(shape+mean)}(count, shape) extends it to counts that are not whole,
    which is what is left after discounting escaped copies.
    """
    if count <= 0.0:
        return 1.0
    if mean <= 0.0:
        return 0.0
    return float(betainc(count, shape, mean / (shape + mean)))


def share_tail(negative: float, texts: float, alpha: float, beta: float) -> float:
    """P(X >= negative) for X Beta-binomial of `texts` trials with a Beta(alpha, beta) share.

    Exact for up to 48 texts (counts are rounded down, which errs on the quiet side); beyond, the Beta distribution of the
    same mean and variance with a continuity correction.
    """
    if negative <= 0.0:
        return 1.0
    if texts > EXACT_UP_TO:
        mean = alpha / (alpha + beta)
        size = alpha + beta
        # Var(X/n) = m(1-m)(s+n) / (n(s+1)): the Beta with this variance has s' = m(1-m)/var - 1.
        matched = texts * (size + 1.0) / (size + texts) - 1.0
        below = (negative - 0.5) / texts
        return float(betainc((1.0 - mean) * matched, mean * matched, 1.0 - below)) if below < 1.0 else 0.0
    n, k = int(texts), int(negative)
    if k > n:
        return 0.0
    if k <= 0:
        return 1.0
    term = exp(
        lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        + lgamma(k + alpha) + lgamma(n - k + beta) - lgamma(n + alpha + beta)
        + lgamma(alpha + beta) - lgamma(alpha) - lgamma(beta)
    )  # fmt: skip
    total = term
    for j in range(k, n):
        term *= (n - j) / (j + 1.0) * (j + alpha) / (n - j - 1.0 + beta)
        total += term
    return min(1.0, total)


def so_few(count: float, mean: float) -> float:
    """P(X <= count) for a Poisson of this mean: is this silence an outage?"""
    return float(gammaincc(int(count) + 1.0, mean)) if mean > 0.0 else 1.0


def band(mean: float, shape: float) -> tuple[float, float]:
    """A 95 % band around an expected count, for charts only: negative binomial by Anscombe's square root.

    Source: F. J. Anscombe, Biometrika 35 (1948): sqrt of a count is nearly normal with a spread that hardly depends on
    the mean; the spread of the negative binomial is put back by its variance.
    """
    if mean <= 0.0:
        return 0.0, 0.0
    spread = 0.98 * sqrt(1.0 + mean / shape)  # 1.96 / 2
    root = sqrt(mean + 0.375)
    low = max(0.0, root - spread) ** 2 - 0.375
    return max(0.0, low), (root + spread) ** 2 - 0.375


def decay(minutes: float, memory: float) -> float:
    """What is left of a weight after `minutes` with a memory of `memory` minutes."""
    return exp(-minutes / memory) if minutes > 0.0 else 1.0


def odds_text(p: float, floor: float = 1e-8) -> str:
    """A p-value as people read it; values below the floor are not calibrated and only `<1e-8` is said."""
    if p < floor:
        return f"<1e{round(log(floor) / log(10))}"
    return f"{p:.2g}"
