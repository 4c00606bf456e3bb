"""Our detector's scores on a simulated world: the code that the evaluator runs, fed a minute at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alerts.budget import listening
from alerts.entries import Entry
from alerts.evaluation import Evaluation
from alerts.rules import Rules
from contracts.messages import Rule
from tests.bench.detector.episodes import Heat
from tests.bench.detector.simulate import START, Simulated

FLOOR = 5.0
CHUNK_MINUTES = 60


def name(series: int) -> str:
    """A series of a world as the detector knows it: an entity that has been watched from the begin."""
    return f"entity:s{series}"


def chunks(simulated: Simulated) -> Iterator[tuple[int, dict[str, tuple[str, list[Entry]]]]]:
    """(last second, entries by series) of each hour with texts. A minute becomes visible with its last second."""
    counts = simulated.counts
    edges = np.arange(0, simulated.world.minutes + CHUNK_MINUTES, CHUNK_MINUTES)
    cuts = np.searchsorted(counts.minute, edges)
    for edge, low, high in zip(edges[1:], cuts[:-1], cuts[1:], strict=True):
        entries: dict[str, tuple[str, list[Entry]]] = {}
        columns = (column[low:high].tolist() for column in counts)
        for minute, series, n, k, c in zip(*columns, strict=True):
            at = START + minute
            entry = Entry(at * 60 + 59, at, n, k, c, 900 * k, 0)
            entries.setdefault(name(series), (f"session:{simulated.groups[series]}", []))[1].append(entry)
        yield (START + int(edge)) * 60 - 1, entries


def heat(simulated: Simulated, rule: Rule = "negative") -> Heat:
    """Every score above FLOOR of the scored days."""
    scored_from = (START + simulated.world.scored_from) * 60
    seen: list[tuple[int, int, float]] = []

    def observe(second: int, series: str, of: Rule, score: float) -> None:
        if of == rule and score >= FLOOR and second >= scored_from:
            seen.append((int(series.removeprefix("entity:s")), second // 60 - START, score))

    states: dict[str, bytes] = {}
    evaluation = Evaluation(listening(Rules()), {}, states.get, None, observe=observe)
    for until_s, entries in chunks(simulated):
        states.update(evaluation.advance(entries, until_s).states)
    return sorted_heat(seen)


def sorted_heat(seen: list[tuple[int, int, float]]) -> Heat:
    """(series, minute, score) in any order as a heat."""
    seen.sort()
    columns = list(zip(*seen, strict=True)) if seen else [(), (), ()]
    return Heat(np.array(columns[0], np.int64), np.array(columns[1], np.int64), np.array(columns[2], np.float64))
