"""Real volumes with injected spikes: when tweets about tickers came is real, which of them are negative is drawn.

Real volumes burst as no simulation does; a share that is drawn makes the truth known. Retweets count as copies.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np

from tests.bench.detector.simulate import DAY, START, Counts, Event, Simulated, World

LEARN_DAYS, SCORED_DAYS, SPIKES_A_SERIES = 60, 120, 2


def simulated(path: Path, seed: int) -> Simulated:
    """The first half year of a file of tweets (columns ts, rt, ticker; tickers divided by |) with spikes of a seed."""
    random = np.random.default_rng(seed)
    seen: dict[str, list[tuple[int, bool]]] = {}
    first: int | None = None
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = int(datetime.fromisoformat(row["ts"]).timestamp()) // 60
            # The week's rhythm must fall on the same hours as in a simulated world.
            first = at - (at - START) % (7 * DAY) if first is None else first
            if at - first < (LEARN_DAYS + SCORED_DAYS) * DAY:
                for ticker in row["ticker"].split("|"):
                    seen.setdefault(ticker, []).append((at - first, row["rt"] == "True"))
    names = sorted(seen)
    world = World(series=len(names), learn_days=LEARN_DAYS, scored_days=SCORED_DAYS, groups=1)
    rates = np.array([len(seen[name]) / (LEARN_DAYS + SCORED_DAYS) for name in names])
    cells: Counter[tuple[int, int, int]] = Counter()  # (minute, series, 0 all / 1 negative / 2 copies)
    spikes: list[Event] = []
    for series, name in enumerate(names):
        share = random.beta(2.5, 8.0)
        days = np.clip(share + 0.05 * np.cumsum(random.normal(0, 0.3, LEARN_DAYS + SCORED_DAYS)), 0.03, 0.6)
        for minute, copy in seen[name]:
            cells[minute, series, 2 if copy else 0] += 1
            cells[minute, series, 1] += int(not copy and random.random() < days[minute // DAY])
        for _ in range(SPIKES_A_SERIES):
            span = int(random.choice((5, 15, 60)))
            begin = int(random.integers(LEARN_DAYS * DAY, (LEARN_DAYS + SCORED_DAYS) * DAY - span))
            size = int(np.exp(random.uniform(np.log(6), np.log(50))))
            for minute in random.integers(begin, begin + span, size).tolist():
                cells[minute, series, 0] += 1
                cells[minute, series, 1] += 1
            spikes.append(Event("burst", series, begin, begin + span, float(size), bool(rates[series] >= DAY / 2)))
    places = sorted({(minute, series) for minute, series, _ in cells})
    columns = [[cells[minute, series, what] for minute, series in places] for what in range(3)]
    minutes, owners = zip(*places, strict=True)
    counts = Counts(*(np.array(column, np.int64) for column in (minutes, owners, *columns)))
    return Simulated(world, seed, counts, np.zeros(len(names), np.int64), rates, spikes, [])
