"""What a budget costs, on a small history."""

from __future__ import annotations

from pathlib import Path
from random import Random

from alerts import fit as fitting
from alerts.counts import Row, check
from alerts.fit import FACTORS, SIZES, fit, with_spikes
from alerts.rules import Rules

FIRST, DAY = 27_360_000, 1440


def history(folder: Path, days: int = 5, series: int = 6) -> Path:
    random = Random(5)
    rows = [
        f"{minute},s{one},g,1,{int(random.random() < 0.25)},0\n"
        for minute in range(FIRST, FIRST + days * DAY)
        for one in range(series)
        if random.random() < 0.004 * (one + 1)
    ]
    path = folder / "counts.csv"
    path.write_text("minute,series,group,all,negative,copies\n" + "".join(rows), encoding="utf-8")
    return path


def test_larger_budgets_open_lower_and_larger_spikes_are_found_more_often(tmp_path: Path) -> None:
    path = history(tmp_path)
    told: list[int] = []
    found = fit(path, check(path), Rules(), 0.5, told.append)
    assert [row.budget for row in found.rows] == [0.5 * factor for factor in FACTORS]
    opens = [row.opens for row in found.rows]
    assert opens == sorted(opens, reverse=True)
    for row in found.rows:
        assert row.recall[SIZES[-1]] >= row.recall[SIZES[0]]
    assert found.rows[2].recall[40] == 1.0
    assert found.rules.negative.open == opens[2]


def test_the_same_history_gives_the_same_fit(tmp_path: Path) -> None:
    path = history(tmp_path, days=4, series=3)
    shape = check(path)
    assert fit(path, shape, Rules(), 1.0, print) == fit(path, shape, Rules(), 1.0, print)


def test_spikes_are_added_to_rows_that_are_there_and_beside_those_that_are_not() -> None:
    spike = fitting._Spike("a", "g", 10, 6)
    rows = [(2, Row(9, "a", "g", 1, 0, 0)), (3, Row(10, "a", "g", 1, 0, 2)), (4, Row(10, "b", "g", 1, 0, 0))]
    mixed = [row for _, row in with_spikes(iter(rows), [spike])]
    assert mixed[1] == Row(10, "a", "g", 2, 1, 2)
    assert sum(row.negative for row in mixed) == 6
    minutes = [row.minute for row in mixed]
    assert minutes == sorted(minutes)
    assert len({(row.minute, row.series) for row in mixed}) == len(mixed)
