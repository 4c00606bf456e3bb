"""A world of counts with known spikes, and with everything that looks like one and must not ring.

A seed makes one world: the same seed gives the same counts, byte for byte. Series follow Zipf's law; each has its own
mixture of its group's daily and weekly rhythm, a level that wanders, bursts of its own (overdispersion) and a negative
share that drifts. On top come, each labelled, spikes that a detector should find and nuisances that it should not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY = 1440
START = 27_360_000  # an epoch minute that begins a Monday: season slots are hours of the week
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Spike = Literal["rise", "burst", "share", "slow burn"]
Nuisance = Literal["volume burst", "viral", "market shock", "level shift", "outage"]


@dataclass(frozen=True, slots=True)
class World:
    """What a seed makes.

    Attributes:
        series: how many.
        learn_days, scored_days: days that only teach; days that count.
        texts_a_day: of all series together.
        groups: sessions that series share.
    """

    series: int = 300
    learn_days: int = 8
    scored_days: int = 4
    texts_a_day: float = 15_000.0
    groups: int = 2
    per_thousand: dict[str, int] = field(
        default_factory=lambda: {
            "spikes": 250, "share": 40, "slow burn": 30, "volume burst": 71, "viral": 212, "level shift": 30,
        }
    )  # fmt: skip

    @property
    def minutes(self) -> int:
        """Minutes of the whole world."""
        return (self.learn_days + self.scored_days) * DAY

    @property
    def scored_from(self) -> int:
        """First minute, from the world's begin, that counts."""
        return self.learn_days * DAY


class Event(NamedTuple):
    """Something that happened to a series: minutes from the world's begin, [begin, end)."""

    what: str
    series: int
    begin: int
    end: int
    size: float
    busy: bool


class Counts(NamedTuple):
    """One row per series and minute with texts, by minute, then series. Minutes count from the world's begin."""

    minute: Ints
    series: Ints
    all: Ints
    negative: Ints
    copies: Ints


@dataclass(frozen=True, slots=True)
class Simulated:
    """A world's counts and what is known about them."""

    world: World
    seed: int
    counts: Counts
    groups: Ints
    rates: Floats  # texts a day of each series
    spikes: list[Event]
    nuisances: list[Event]


def simulate(world: World, seed: int) -> Simulated:
    """The world of a seed."""
    random = np.random.default_rng(seed)
    rank = np.arange(1, world.series + 1)
    rates = world.texts_a_day / rank / np.sum(1.0 / rank)
    order = random.permutation(world.series)
    rates = rates[order]
    groups = random.integers(0, world.groups, world.series)
    seasons = [_season(random) for _ in range(world.groups)]
    shocks, outages = _market(world, random)
    spikes, nuisances = _events(world, random, rates)
    mine: dict[int, list[Event]] = {}
    for event in (*spikes, *nuisances):
        mine.setdefault(event.series, []).append(event)
    columns: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
    for one in range(world.series):
        group = int(groups[one])
        factor, lean = _shocked(world, shocks[group])
        columns.append(
            _series(
                world, random, one, rates[one] / DAY, seasons[group], factor, lean, outages[group], mine.get(one, [])
            )
        )
    minute, series, n, k, c = (np.concatenate(column) for column in zip(*columns, strict=True))
    by_time = np.lexsort((series, minute))
    counts = Counts(minute[by_time], series[by_time], n[by_time], k[by_time], c[by_time])
    for group in range(world.groups):
        of_group = [("market shock", *span) for span in shocks[group]] + [
            ("outage", *span, 0.0) for span in outages[group]
        ]
        for what, begin, end, size, *_ in of_group:
            nuisances += [Event(what, int(one), begin, end, size, False) for one in np.flatnonzero(groups == group)]
    return Simulated(world, seed, counts, groups, rates, spikes, nuisances)


def _season(random: np.random.Generator) -> Floats:
    """168 hourly factors with mean 1."""
    hour = np.arange(168)
    peak, width = random.uniform(0, 24), random.uniform(0.5, 1.0)
    day = np.exp(width * np.cos(2 * np.pi * (hour % 24 - peak) / 24))
    week = np.where(hour // 24 >= 5, random.uniform(0.4, 0.8), 1.0)
    factors = day * week
    return factors / factors.mean()


def _wander(random: np.random.Generator, minutes: int, sd: float, memory: float) -> Floats:
    """An Ornstein-Uhlenbeck path of this stationary sd, stepping every half hour, linear between."""
    steps = minutes // 30 + 2
    kept = np.exp(-30.0 / memory)
    noise = random.normal(0.0, sd * np.sqrt(1.0 - kept * kept), steps)
    path = np.empty(steps)
    path[0] = random.normal(0.0, sd)
    for step in range(1, steps):
        path[step] = path[step - 1] * kept + noise[step]
    return np.interp(np.arange(minutes), np.arange(steps) * 30.0, path)


def _market(
    world: World, random: np.random.Generator
) -> tuple[list[list[tuple[int, int, float, float]]], list[list[tuple[int, int]]]]:
    """Per group: shocks (begin, end, volume factor, what it adds to the logit of the share), outages (begin, end)."""
    shocks: list[list[tuple[int, int, float, float]]] = []
    outages: list[list[tuple[int, int]]] = []
    for _ in range(world.groups):
        begins = random.integers(DAY, world.minutes - 360, random.poisson(0.25 * world.minutes / DAY))
        shocks.append([
            (int(at), int(at + random.integers(45, 240)), float(random.uniform(1.5, 4.0)), float(random.uniform(0, 0.7)))
            for at in begins
        ])  # fmt: skip
        begins = random.integers(DAY, world.minutes - 600, random.poisson(0.1 * world.minutes / DAY))
        outages.append([(int(at), int(at + random.integers(60, 480))) for at in begins])
    return shocks, outages


def _shocked(world: World, shocks: list[tuple[int, int, float, float]]) -> tuple[Floats, Floats]:
    factor, lean = np.ones(world.minutes), np.zeros(world.minutes)
    for begin, end, size, more in shocks:
        fade = np.linspace(1.0, 0.2, end - begin)
        factor[begin:end] *= 1.0 + (size - 1.0) * fade
        lean[begin:end] += more * fade
    return factor, lean


def _events(world: World, random: np.random.Generator, rates: Floats) -> tuple[list[Event], list[Event]]:
    """Spikes lie in the scored days; nuisances in all. A series has one spike a day at most."""
    spikes: list[Event] = []
    taken: set[tuple[int, int]] = set()
    busy = np.flatnonzero(rates >= DAY / 2)  # a text every two minutes
    enough = np.flatnonzero(rates >= 150.0)
    days = world.scored_days

    def when(series: int, span: int) -> int | None:
        at = world.scored_from + int(random.integers(0, days * DAY - span))
        if (series, at // DAY) in taken:
            return None
        taken.update({(series, at // DAY), (series, (at + span) // DAY), (series, at // DAY + 1)})
        return at

    def put(what: Spike, among: Ints, spans: tuple[int, ...], low: float, high: float, number: int) -> None:
        for _ in range(number):
            series = int(random.choice(among))
            span = int(random.choice(spans))
            at = when(series, span)
            if at is not None:
                size = float(np.exp(random.uniform(np.log(low), np.log(high))))
                spikes.append(Event(what, series, at, at + span, size, bool(rates[series] >= DAY / 2)))

    wanted = {name: number * world.series // 1000 for name, number in world.per_thousand.items()}
    put("rise", busy, (15, 60, 60, 120), 2.0, 10.0, max(30, wanted["spikes"] // 4))
    put("burst", np.arange(world.series), (5, 15, 60), 6.0, 50.0, wanted["spikes"])
    put("share", enough, (60, 120), 2.0, 4.0, wanted["share"])
    put("slow burn", np.flatnonzero(rates < 150.0), (960, 1440), 8.0, 40.0, wanted["slow burn"])

    nuisances: list[Event] = []

    def disturb(what: Nuisance, among: Ints, low_span: int, high_span: int, low: float, high: float) -> None:
        for _ in range(wanted[what] * (world.learn_days + days) // days):
            series, span = int(random.choice(among)), int(random.integers(low_span, high_span))
            at = int(random.integers(0, world.minutes - span))
            size = float(np.exp(random.uniform(np.log(low), np.log(high))))
            nuisances.append(Event(what, series, at, at + span, size, bool(rates[series] >= DAY / 2)))

    everyone = np.arange(world.series)
    disturb("volume burst", everyone, 15, 180, 8.0, 200.0)
    disturb("viral", everyone, 15, 240, 20.0, 600.0)
    disturb("level shift", everyone, 2 * DAY, 6 * DAY, 2.0, 4.0)
    return spikes, nuisances


def _spread(random: np.random.Generator, total: int, begin: int, end: int) -> Ints:
    """Minutes of `total` texts of an event: flat, early, growing, or in two waves."""
    shape, at = int(random.integers(0, 4)), random.random(total)
    if shape == 1:
        at = at**2.5
    elif shape == 2:
        at = 1.0 - at**2
    elif shape == 3:
        at = np.where(random.random(total) < 0.5, 0.25 * at, 0.6 + 0.25 * at)
    return begin + (at * (end - begin)).astype(np.int64)


def _series(
    world: World,
    random: np.random.Generator,
    one: int,
    rate: float,
    season: Floats,
    factor: Floats,
    lean: Floats,
    outages: list[tuple[int, int]],
    events: list[Event],
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """(minute, series, all, negative, copies) of the minutes in which a series has any."""
    minutes = world.minutes
    hours = (START + np.arange(minutes)) / 60.0 - 0.5
    own = 1.0 + (season - 1.0) * random.uniform(0.3, 1.4)  # its group's rhythm does not quite fit
    own = np.maximum(own * np.exp(random.normal(0.0, 0.1, 168)), 0.05)
    mean = np.interp(hours % 168, np.arange(169), np.append(own, own[0])) / own.mean() * rate
    mean *= np.exp(_wander(random, minutes, 0.2, 2.0 * DAY) + _wander(random, minutes, random.uniform(0.1, 0.3), 60.0))
    mean *= factor
    usual = np.log(random.beta(2.5, 8.0) + 0.02)
    logit = usual - np.log1p(-np.exp(usual)) + _wander(random, minutes, 0.25, 3.0 * DAY)
    logit += _wander(random, minutes, random.uniform(0.05, 0.25), 90.0) + lean
    share = 1.0 / (1.0 + np.exp(-logit))
    rise = np.zeros(minutes)
    for event in events:
        span = slice(event.begin, event.end)
        if event.what == "level shift":
            mean[span] *= event.size if event.series % 3 else 1.0 / event.size
        elif event.what == "share":
            share[span] = np.minimum(0.9, share[span] * event.size)
        elif event.what == "rise":
            rise[span] = event.size - 1.0
    n = random.poisson(mean)
    k = random.binomial(n, share)
    if rise.any():
        more = random.poisson(mean * share * rise)
        n, k = n + more, k + more
    c = np.zeros(minutes, np.int64)
    for event in events:
        total = round(event.size)
        at = event.begin + int(random.integers(0, max(1, event.end - event.begin)))
        if event.what in ("burst", "slow burn"):
            places = _spread(random, total, event.begin, event.end)
            np.add.at(n, places, 1)
            np.add.at(k, places, 1)
        elif event.what == "volume burst":
            size = total if rate * DAY < 150.0 else int(total + rate * (event.end - event.begin) * random.uniform(1, 4))
            places = _spread(random, size, event.begin, event.end)
            tone = random.beta(12 * share[at], 12 * (1 - share[at]), 1)[0]
            np.add.at(n, places, 1)
            np.add.at(k, places, (random.random(size) < tone).astype(np.int64))
        elif event.what == "viral":
            negative = random.random() < 0.4
            places = np.sort(_spread(random, total, event.begin, event.end))
            distinct = random.random(total) < random.uniform(0.04, 0.12)
            distinct[:5] = True
            np.add.at(n, places[distinct], 1)
            np.add.at(c, places[~distinct], 1)
            if negative:
                np.add.at(k, places[distinct], 1)
    for begin, end in outages:
        n[begin:end] = k[begin:end] = c[begin:end] = 0
    some = np.flatnonzero(n + c)
    return some, np.full(some.size, one), n[some], k[some], c[some]
