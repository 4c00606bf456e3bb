"""Thresholds from a budget: how high must S be so that so many alerts a day remain of a series of histories.

The scores of a history are gathered into episodes by the same spans that alerts have; a threshold rings once for each
episode that peaks above it. Where the budget asks for more than a handful of episodes, the threshold is the peak of that
rank; for fewer, the exponential tail between the ranks 5 and 50 is prolonged (Siffer et al. 2017, with a tail index of 0:
S is a logarithm of odds). It is taken from ranks, not from the highest peaks, because those may be real crises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log

from alerts.rules import Rules, RuleSettings
from contracts.messages import Rule

APART_S = 5400  # an alert's quiet half hour and its cool-down: scores closer than this are one episode
TAIL_FROM, TAIL_TO = 5, 50  # ranks between which the tail's slope is measured
SLOPE, SLOPE_LOW, SLOPE_HIGH = 0.8, 0.3, 2.5  # S per factor e, before there are so many ranks, and bounds
LOWEST, HIGHEST = 5.0, 290.0  # what episodes are remembered from, and bounds of a threshold
SHARES: dict[Rule, float] = {"negative": 0.9, "volume": 0.05, "viral": 0.05}


@dataclass(slots=True)
class Heights:
    """Peaks of S of the episodes of a history.

    Attributes:
        from_s: event second from which episodes count: before it, baselines know too little.
        peaks: rule -> peaks of episodes that are over.
    """

    from_s: int = 0
    peaks: dict[Rule, list[float]] = field(default_factory=dict)
    _open: dict[tuple[str, Rule], tuple[int, float]] = field(default_factory=dict)

    def observe(self, second: int, series: str, rule: Rule, score: float) -> None:
        """Take note of a score; seconds of a series never run back."""
        if score < LOWEST or second < self.from_s:
            return
        key = (series, rule)
        last, peak = self._open.get(key, (second, 0.0))
        if second - last > APART_S:
            self.peaks.setdefault(rule, []).append(peak)
            peak = 0.0
        self._open[key] = (second, max(peak, score))

    def of(self, rule: Rule) -> list[float]:
        """All peaks of a rule, highest first."""
        still = [peak for (_, its), (_, peak) in self._open.items() if its == rule]
        return sorted([*self.peaks.get(rule, ()), *still], reverse=True)


def threshold(peaks: list[float], episodes: float) -> float:
    """S that so many episodes exceed.

    Args:
        peaks: highest first.
        episodes: how many may ring over the history that the peaks are from; not a whole number, may be below 1.
    """
    if not peaks:
        return LOWEST
    if episodes >= TAIL_FROM:
        whole = int(episodes)
        if whole >= len(peaks):
            return LOWEST
        part = episodes - whole
        found = peaks[whole - 1] * (1.0 - part) + peaks[whole] * part
    else:
        near = min(TAIL_FROM, len(peaks))
        far = min(TAIL_TO, len(peaks))
        slope = (peaks[near - 1] - peaks[far - 1]) / log(far / near) if far >= 2 * near else SLOPE
        slope = min(max(slope, SLOPE_LOW), SLOPE_HIGH)
        found = peaks[near - 1] + slope * log(near / max(episodes, 1e-6))
    return min(max(found, LOWEST), HIGHEST)


def fitted(rules: Rules, heights: Heights, days: float, per_day: float) -> Rules:
    """Rules whose alerts over such a history stay within a budget.

    Args:
        rules: what they were; all but the thresholds stays.
        heights: of the history.
        days: how long it was, from `heights.from_s`.
        per_day: alerts a day over all series: nine tenths of them for `negative`, the rest for the others.
    """
    changed: dict[str, RuleSettings] = {}
    for rule, settings in named(rules):
        if settings.enabled:
            changed[rule] = at(settings, threshold(heights.of(rule), SHARES[rule] * per_day * days))
    return rules.model_copy(update=changed)


def at(settings: RuleSettings, opens: float) -> RuleSettings:
    """The same rule opening at another S: its other thresholds move along."""
    moved = opens - settings.open
    slow = max(1.0, settings.open_slow + moved)
    return settings.model_copy(
        update={
            "open": round(opens, 3),
            "open_slow": round(slow, 3),
            "close": round(min(settings.close * opens / settings.open, min(opens, slow) - 0.5), 3),
        }
    )


def listening(rules: Rules) -> Rules:
    """The same rules opening so low that what they ring for tells what any threshold would."""
    return rules.model_copy(update={rule: at(settings, LOWEST) for rule, settings in named(rules)})


def named(rules: Rules) -> Iterator[tuple[Rule, RuleSettings]]:
    """The rules with their names."""
    yield "negative", rules.negative
    yield "volume", rules.volume
    yield "viral", rules.viral
