"""What a budget costs: rules fitted to a history, and how many spikes put into it they would have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from alerts.budget import SHARES, Heights, fitted, listening, threshold
from alerts.counts import Row, Shape, read
from alerts.counts_backtest import DAY_S, CountsBacktest, fit_from_s
from alerts.rules import Rules
from contracts.messages import Rule

SIZES = (5, 8, 12, 20, 40)  # negative texts of a spike
SPIKE_MINUTES, FOUND_WITHIN_MINUTES = 15, 60
FEWEST, MOST = 5, 40  # spikes of a size, one for ten series-days: more would teach the series that spikes are usual
SERIES_KNOWN = 20_000  # among how many series spikes are put
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
SEED = 1
TOLD_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Priced:
    """One budget.

    Attributes:
        budget: alerts a day over all series.
        opens: S at which the rule `negative` opens.
        alerts_a_day: how often it rang on this history at that S.
        recall: size of a spike -> share of those put in that rang.
    """

    budget: float
    opens: float
    alerts_a_day: float
    recall: dict[int, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """Rules for a budget, and what other budgets would cost. `spikes`: how many of each size were put in."""

    rules: Rules
    rows: list[Priced]
    spikes: int


@dataclass(frozen=True, slots=True)
class _Spike:
    series: str
    group: str
    begin: int
    size: int


def fit(path: Path, shape: Shape, rules: Rules, budget: float, done: Callable[[int], None]) -> Fit:
    """Fit rules to a budget on a whole history and price it.

    Args:
        path: a file that `alerts.counts.check` has passed.
        shape: what that said.
        rules: what they were.
        budget: alerts a day over all series.
        done: told how many rows have been read, both times together.
    """
    from_s = fit_from_s(shape.first, shape.last)
    heights, names = Heights(from_s=from_s), dict[str, str]()
    history = CountsBacktest(listening(rules), first=shape.first, learn_until=shape.last + 1, observe=heights.observe)
    for line, row in read(path):
        history.add(line, row)
        if len(names) < SERIES_KNOWN:
            names.setdefault(row.series, row.group)
        if history.rows % TOLD_EVERY == 0:
            done(history.rows)
    history.finish()
    days = ((shape.last + 1) * 60 - from_s) / DAY_S
    each = min(max(int(len(names) * days / 10), FEWEST), MOST)
    spikes = _spikes(names, from_s // 60, shape.last, each)
    best = _found(path, shape, rules, spikes, lambda rows: done(shape.rows + rows))
    peaks = heights.of("negative")
    rows: list[Priced] = []
    for factor in FACTORS:
        opens = threshold(peaks, SHARES["negative"] * budget * factor * days)
        recall = {size: sum(best[spike] >= opens for spike in spikes if spike.size == size) / each for size in SIZES}
        rows.append(Priced(budget * factor, round(opens, 3), sum(peak >= opens for peak in peaks) / days, recall))
    return Fit(fitted(rules, heights, days, budget), rows, each)


def _spikes(names: dict[str, str], first: int, last: int, each: int) -> list[_Spike]:
    """Spikes of every size in series drawn alike, at minutes drawn alike."""
    random, among = Random(SEED), sorted(names)  # noqa: S311
    spikes: list[_Spike] = []
    for size in SIZES:
        for _ in range(each):
            series = random.choice(among)
            begin = random.randrange(first, max(first + 1, last - FOUND_WITHIN_MINUTES))
            spikes.append(_Spike(series, names[series], begin, size))
    return spikes


def _found(
    path: Path, shape: Shape, rules: Rules, spikes: list[_Spike], done: Callable[[int], None]
) -> dict[_Spike, float]:
    """Highest S of each spike within an hour of its begin, 0 when nothing was seen."""
    best = dict.fromkeys(spikes, 0.0)
    by_series: dict[str, list[_Spike]] = {}
    for spike in spikes:
        by_series.setdefault(spike.series, []).append(spike)

    def observe(second: int, series: str, rule: Rule, score: float) -> None:
        if rule != "negative":
            return
        minute = second // 60
        for spike in by_series.get(series, by_series.get(series.removeprefix("entity:"), [])):
            if spike.begin <= minute < spike.begin + FOUND_WITHIN_MINUTES:
                best[spike] = max(best[spike], score)

    history = CountsBacktest(listening(rules), first=shape.first, learn_until=shape.last + 1, observe=observe)
    for line, row in with_spikes(read(path), spikes):
        history.add(line, row)
        if history.rows % TOLD_EVERY == 0:
            done(history.rows)
    history.finish()
    return best


def with_spikes(rows: Iterator[tuple[int, Row]], spikes: list[_Spike]) -> Iterator[tuple[int, Row]]:
    """Rows in order with the spikes' texts added, spread evenly over their minutes."""
    extra: dict[int, dict[tuple[str, str], int]] = {}
    for spike in spikes:
        for text in range(spike.size):
            of_minute = extra.setdefault(spike.begin + text * SPIKE_MINUTES // spike.size, {})
            of_minute[spike.series, spike.group] = of_minute.get((spike.series, spike.group), 0) + 1
    waiting = sorted(extra)
    at = 0
    for line, row in rows:
        while at < len(waiting) and waiting[at] < row.minute:
            yield from _rest(waiting[at], extra)
            at += 1
        more = extra.get(row.minute, {}).pop((row.series, row.group), 0)
        yield line, row._replace(all=row.all + more, negative=row.negative + more) if more else row
    for minute in waiting[at:]:
        yield from _rest(minute, extra)


def _rest(minute: int, extra: dict[int, dict[tuple[str, str], int]]) -> Iterator[tuple[int, Row]]:
    """What is left of a minute's extra texts: series that had no row of their own in it."""
    for (series, group), texts in sorted(extra.pop(minute).items()):
        yield 0, Row(minute, series, group, texts, texts, 0)
