"""Files of counts: what is refused, with line and remedy, and what a history of counts rings."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import pytest

from alerts import counts
from alerts.counts_backtest import CountsBacktest, check_span, fit_to_whole
from alerts.rules import Rules
from contracts.errors import UserError

HEADER = "minute,series,group,all,negative,copies\n"
FIRST = 27_360_000
DAY = 1440


def written(folder: Path, text: str, name: str = "counts.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def made_up(days: int = 8, spike_day: int = 7) -> list[str]:
    """A busy and a rare series; the rare one has a spike, the busy one a flood at its usual share."""
    random, rows = Random(3), []
    for minute in range(FIRST, FIRST + days * DAY):
        if random.random() < 0.3:
            n = random.randint(1, 3)
            rows.append(f"{minute},busy,g,{n},{sum(random.random() < 0.2 for _ in range(n))},0\n")
        at = minute - FIRST - spike_day * DAY
        if 600 <= at < 612:
            rows.append(f"{minute},rare,g,2,2,0\n")
        elif random.random() < 0.002:
            rows.append(f"{minute},rare,g,1,0,0\n")
    return rows


def ring(path: Path, **how: float | None) -> CountsBacktest:
    shape = counts.check(path)
    history = CountsBacktest(Rules(), first=shape.first, **how)  # type: ignore[arg-type]
    for line, row in counts.read(path):
        history.add(line, row)
    history.finish()
    return history


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", r"counts\.csv:2: there are no counts"),
        (f"{FIRST},a,g,1,0\n", r"counts\.csv:2: 5 cells where 6 belong"),
        (f"{FIRST},a,g,1,-1,0\n", r"counts\.csv:2: negative is '-1', below zero; corrections"),
        (f"{FIRST},a,g,1.5,1,0\n", r"counts\.csv:2: all is '1\.5', not a whole number"),
        (f"{FIRST},a,g,1,2,0\n", r"counts\.csv:2: 2 negative of 1 texts"),
        (
            f"{FIRST},a,g,1,0,0\n{FIRST},a,g,1,0,0\n",
            r"counts\.csv:3: 'a' has a row for minute .* already; add the two up",
        ),
        (f"{FIRST},a,g,1,0,0\n{FIRST - 1},b,g,1,0,0\n", r"counts\.csv:3: minute .* comes after .*; sort the file"),
        (f"{FIRST * 60},a,g,1,0,0\n", r"counts\.csv:2: .* no epoch minute of 1980 to 2100; divide epoch seconds by 60"),
        (f"{FIRST},a,g,1,0,0\n{FIRST + 1},a,h,1,0,0\n", r"counts\.csv:3: 'a' is in group 'h', before it was in 'g'"),
        (f"{FIRST},,g,1,0,0\n", r"counts\.csv:2: a series name of 0 bytes"),
        (
            f"{FIRST},a,g,1,0,0\n{FIRST},b,g,1",
            r"counts\.csv:3: the file ends in the middle of this line; copy it again",
        ),
    ],
)
def test_a_mistake_names_its_line_and_its_remedy(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        counts.check(written(tmp_path, HEADER + rows))


def test_another_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"counts\.csv:1: the header is 'time,title'; make it minute,series"):
        counts.check(written(tmp_path, "time,title\n"))


def test_a_gzipped_file_cut_in_half_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "".join(made_up(2))).encode())[:-2000])
    with pytest.raises(UserError, match="cut off or damaged"):
        counts.check(path)


def test_too_many_series_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_SERIES", 3)
    rows = "".join(f"{FIRST},s{number},g,1,0,0\n" for number in range(4))
    with pytest.raises(UserError, match=r"counts\.csv:5: more than 3 series names; keep those that are worth watching"):
        counts.check(written(tmp_path, HEADER + rows))


def test_a_gap_of_days_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}{FIRST},a,g,1,0,0\n{FIRST + 3 * DAY},a,g,1,0,0\n")
    shape = counts.check(path)
    assert (shape.rows, shape.series, shape.first, shape.last) == (2, 1, FIRST, FIRST + 3 * DAY)
    assert "counts.csv:3: nothing at all for 3.0 days" in counts.gap_text(path, shape.gaps[0])


def test_a_spike_in_counts_rings_with_the_rows_that_made_it(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(made_up()))
    history = ring(path, learn_until=FIRST + 5 * DAY)
    assert [(alert.series, alert.rule) for alert in history.alerts] == [("rare", "negative")]
    alert = history.alerts[0]
    onset = FIRST + 7 * DAY + 600
    assert onset * 60_000 <= alert.onset_ms <= alert.fired_ms <= (onset + 6) * 60_000
    lines = path.read_text(encoding="utf-8").splitlines()
    assert alert.rows
    assert all(",rare,g,2,2,0" in lines[row - 1] for row in alert.rows)
    assert alert.documents == ()


def test_the_same_counts_ring_the_same_and_gzipped_too(tmp_path: Path) -> None:
    text = HEADER + "".join(made_up())
    plain = written(tmp_path, text)
    packed = tmp_path / "counts.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert ring(plain).alerts == ring(packed).alerts


def test_what_is_learned_from_rings_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(made_up(9, spike_day=3)))
    assert [one.series for one in ring(path).alerts] == ["rare"]
    assert ring(path, learn_until=FIRST + 6 * DAY).alerts == []


def test_a_budget_is_fitted_where_learning_ends(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(made_up()))
    history = ring(path, learn_until=FIRST + 6 * DAY, budget=1.0)
    assert history.rules != Rules()
    assert "rare" in [one.series for one in history.alerts if one.rule == "negative"]


@pytest.mark.parametrize(
    ("learn_until", "budget", "said"),
    [
        (5, None, "name one in between"),
        (FIRST + 2 * DAY, 1.0, "at least 3 days"),
        (FIRST + 5 * DAY, 0.0, "more than 0"),
        (FIRST + 5 * DAY, 1e9, "at most"),
        (FIRST + 5 * DAY, float("nan"), "more than 0"),
    ],
)
def test_an_impossible_budget_or_learning_part_is_refused(
    tmp_path: Path, learn_until: int, budget: float | None, said: str
) -> None:
    path = written(tmp_path, HEADER + "".join(made_up()))
    with pytest.raises(UserError, match=said):
        check_span(path, counts.check(path), learn_until, budget)


def test_a_whole_history_can_be_fitted_to(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(made_up()))
    shape, told = counts.check(path), Told()
    few = fit_to_whole(path, shape, Rules(), 0.01, told)
    many = fit_to_whole(path, shape, Rules(), 5.0, told)
    assert few.negative.open >= many.negative.open


class Told:
    """Takes progress."""

    def __call__(self, rows: int) -> None:
        assert rows > 0
