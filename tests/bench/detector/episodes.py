"""From scores over time to alerts, and from alerts to what they were worth. The same for every detector."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tests.bench.detector.simulate import DAY, Event, Floats, Ints, Simulated

QUIET_MINUTES = 30  # an episode ends after this long below what closes it
CLOSES_BELOW = 0.65  # of the threshold
COOLDOWN_MINUTES = 60
GRACE_MINUTES = 30  # an alert this long after a spike's end still belongs to it
CLASSES = (
    "viral",
    "volume burst",
    "market shock",
    "level shift",
    "outage",
    "spike's tail",
    "nothing, busy",
    "nothing, sparse",
)


class Heat(NamedTuple):
    """What a detector said, where it said anything: by series, then minute (from the world's begin)."""

    series: Ints
    minute: Ints
    score: Floats


class Alert(NamedTuple):
    """An episode above a threshold."""

    series: int
    begin: int
    end: int


def alerts(heat: Heat, threshold: float) -> list[Alert]:
    """Episodes: open at the threshold, closed after half an hour below 65 % of it, then silent for an hour."""
    kept = np.flatnonzero(heat.score >= CLOSES_BELOW * threshold)
    out: list[Alert] = []
    series, opened, last = -1, -1, -1
    silent_until = -1
    for one, minute, score in zip(
        heat.series[kept].tolist(), heat.minute[kept].tolist(), heat.score[kept].tolist(), strict=True
    ):
        if one != series:
            if opened >= 0:
                out.append(Alert(series, opened, last))
            series, opened, silent_until = one, -1, -1
        elif opened >= 0 and minute > last + QUIET_MINUTES:
            out.append(Alert(series, opened, last))
            silent_until, opened = last + QUIET_MINUTES + COOLDOWN_MINUTES, -1
        if opened >= 0:
            last = minute
        elif score >= threshold and minute >= silent_until:
            opened = last = minute
    if opened >= 0:
        out.append(Alert(series, opened, last))
    return out


@dataclass(slots=True)
class Judged:
    """What a detector's alerts at one threshold were worth.

    Attributes:
        found: of each spike, minutes from its onset to its alert; None = missed.
        false: class of false alarm -> how many.
        series_days: how many were judged.
    """

    found: list[tuple[Event, int | None]] = field(default_factory=list)
    false: Counter[str] = field(default_factory=Counter)
    series_days: float = 0.0

    def add(self, other: Judged) -> None:
        """Pool with another seed."""
        self.found += other.found
        self.false.update(other.false)
        self.series_days += other.series_days

    @property
    def false_rate(self) -> float:
        """False alerts per series-day; a spike's tail is not one: its texts are still in a day's window."""
        return (self.false.total() - self.false["spike's tail"]) / self.series_days

    def recall(self, what: str | None = None, low: float = 0.0, high: float = 1e9, *, busy: bool = False) -> float:
        """Share of the spikes found: of a kind, of sizes in [low, high), on busy series only."""
        asked = [
            delay is not None
            for event, delay in self.found
            if (event.what == what if what else event.what != "slow burn")
            and low <= event.size < high
            and (event.busy or not busy)
        ]
        return sum(asked) / len(asked) if asked else float("nan")

    def delay(self, quantile: float) -> float:
        """Of the minutes from onset to alert, over what was found (slow burns aside)."""
        delays = [delay for event, delay in self.found if delay is not None and event.what != "slow burn"]
        return float(np.quantile(delays, quantile)) if delays else float("nan")


def judge(simulated: Simulated, rang: list[Alert]) -> Judged:
    """Sort a world's alerts of the scored days into hits and classes of false alarms."""
    world = simulated.world
    out = Judged(series_days=float(world.series * world.scored_days))
    spikes: dict[int, list[Event]] = {}
    for event in simulated.spikes:
        spikes.setdefault(event.series, []).append(event)
    nuisances: dict[int, list[Event]] = {}
    for event in simulated.nuisances:
        nuisances.setdefault(event.series, []).append(event)
    first: dict[Event, int] = {}
    for alert in rang:
        if alert.begin < world.scored_from:
            continue
        of_spike = [
            event
            for event in spikes.get(alert.series, [])
            if event.begin <= alert.begin < event.end + GRACE_MINUTES or (alert.begin < event.begin <= alert.end)
        ]
        for event in of_spike:
            first[event] = min(first.get(event, 1 << 40), max(0, alert.begin - event.begin))
        if not of_spike:
            out.false[_class(simulated, alert, spikes.get(alert.series, []), nuisances.get(alert.series, []))] += 1
    out.found = [(event, first.get(event)) for event in simulated.spikes]
    return out


def _class(simulated: Simulated, alert: Alert, spikes: list[Event], nuisances: list[Event]) -> str:
    after = {"viral": 120, "volume burst": 120, "market shock": 120, "level shift": DAY, "outage": 240}
    for what, grace in after.items():
        if any(one.what == what and one.begin <= alert.begin < one.end + grace for one in nuisances):
            return what
    if any(one.end <= alert.begin < one.end + DAY for one in spikes):
        return "spike's tail"
    return "nothing, busy" if simulated.rates[alert.series] >= DAY / 2 else "nothing, sparse"


def at_rate(worlds: list[Simulated], heats: list[Heat], rate: float) -> tuple[float, Judged]:
    """(threshold, what it is worth): the lowest threshold with at most `rate` false alerts per series-day, by bisection."""
    everything = np.concatenate([heat.score for heat in heats])
    low, high = (float(everything.min()), float(everything.max()) + 1e-9) if everything.size else (0.0, 1.0)
    best = high, worth(worlds, heats, high)
    for _ in range(18):
        middle = (low + high) / 2.0
        judged = worth(worlds, heats, middle)
        if judged.false_rate <= rate:
            high, best = middle, (middle, judged)
        else:
            low = middle
    return best


def worth(worlds: list[Simulated], heats: list[Heat], threshold: float) -> Judged:
    """What a threshold is worth over several worlds."""
    out = Judged()
    for simulated, heat in zip(worlds, heats, strict=True):
        out.add(judge(simulated, alerts(heat, threshold)))
    return out
