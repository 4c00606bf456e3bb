"""What evaluating costs on one core. Prints figures; asserts nothing.

    python -m tests.bench.detector_speed

A step is one series that received documents in one second. Figures are of this process's own CPU time, so that a busy
machine does not blur them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from rich.console import Console
from rich.table import Table

from alerts import tails
from alerts.evaluation import Entry, Evaluation
from alerts.rules import Rules

START = 1_650_000_000
SERIES = 10_000
DAY = 86_400


def zipf_entries(random: Random, seconds: range, per_second: float) -> dict[str, tuple[str, list[Entry]]]:
    """Entries of SERIES series whose volumes follow Zipf's law, in 20 groups."""
    ranks = random.choices(
        range(SERIES), [1.0 / (rank + 1) for rank in range(SERIES)], k=int(len(seconds) * per_second)
    )
    entries: dict[str, tuple[str, dict[int, list[int]]]] = {}
    for rank in ranks:
        second = seconds[random.randrange(len(seconds))]
        negative = random.random() < 0.2
        _, mine = entries.setdefault(f"entity:e{rank}", (f"session:{rank % 20}", {}))
        sums = mine.setdefault(second, [0, 0])
        sums[0] += 1
        sums[1] += negative
    return {
        series: (group, [Entry(at, at // 60, n, k, 0, 900 * k, 0) for at, (n, k) in sorted(mine.items())])
        for series, (group, mine) in entries.items()
    }


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """(CPU seconds, what the work returned)."""
    begun = time.process_time()
    done = work()
    return time.process_time() - begun, done


def stream(per_second: float, minutes: int) -> tuple[float, int, int, int]:
    """(CPU seconds, steps, packed bytes of all series, series) of a stream in chunks of ten seconds."""
    random = Random(1)
    states: dict[str, bytes] = {}
    evaluation = Evaluation(Rules(), {}, states.get, None)
    spent, steps = 0.0, 0
    for begin in range(START, START + minutes * 60, 10):
        entries = zipf_entries(random, range(begin, begin + 10), per_second)
        used, done = timed(lambda entries=entries, begin=begin: _advance(evaluation, states, entries, begin + 9))  # type: ignore[misc]
        spent += used
        steps += done
    return spent, steps, sum(map(len, states.values())), len(states)


def _advance(
    evaluation: Evaluation, states: dict[str, bytes], entries: dict[str, tuple[str, list[Entry]]], until_s: int
) -> int:
    outcome = evaluation.advance(entries, until_s)
    states.update(outcome.states)
    return outcome.steps


def jump() -> float:
    """CPU seconds to cross 180 days in which nothing was written, for 20 groups."""
    states: dict[str, bytes] = {}
    evaluation = Evaluation(Rules(), {}, states.get, None)
    for hour in range(24 * 10):
        second = START + hour * 3600
        entry = Entry(second, second // 60, 3, 1, 0, 900, 0)
        evaluation.advance({f"entity:e{n}": (f"session:{n}", [entry]) for n in range(20)}, second)
    last = START + 190 * DAY
    entry = Entry(last, last // 60, 1, 0, 0, 0, 0)
    spent, _ = timed(
        lambda: evaluation.advance({f"entity:e{n}": (f"session:{n}", [entry]) for n in range(20)}, last).steps
    )
    return spent


def calls() -> list[tuple[str, float]]:
    """Microseconds per call of the tails."""
    times = 20_000
    out: list[tuple[str, float]] = []
    for name, call in (
        ("count tail", lambda: tails.count_tail(7.0, 0.3, 1.3)),
        ("share tail, 12 texts", lambda: tails.share_tail(9.0, 12.0, 3.0, 9.0)),
        ("share tail, 200 texts", lambda: tails.share_tail(90.0, 200.0, 6.0, 24.0)),
    ):
        begun = time.process_time()
        for _ in range(times):
            call()
        out.append((name, (time.process_time() - begun) / times * 1e6))
    return out


def main() -> None:
    """Print the table."""
    table = Table("what", "figure", title="Evaluating, one core", box=None)
    for per_second, minutes in ((20.0, 30), (200.0, 5)):
        spent, steps, size, series = stream(per_second, minutes)
        what = f"{SERIES:,} Zipf series, {per_second:.0f} texts/s, packing included"
        table.add_row(what, f"{steps / spent:,.0f} steps/s, {spent / steps * 1e6:.0f} us a step")
        table.add_row("  packed state", f"{size / series:.0f} bytes a series ({series:,} series)")
    table.add_row("180 days without documents, 20 groups", f"{jump():.2f} s")
    for name, micros in calls():
        table.add_row(name, f"{micros:.1f} us")
    Console().print(table)


if __name__ == "__main__":
    main()
