"""`tocsin backtest --counts` and `tocsin rules fit` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.rules import read_rules
from contracts.errors import UserError
from tocsin.commands import backtest, rules

FIRST, DAY = 27_360_000, 1440
HEADER = "minute,series,group,all,negative,copies\n"
RUNNER = CliRunner()


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """Five days: a text every two hours, a spike in the last."""
    rows = [f"{minute},acme,g,1,0,0\n" for minute in range(FIRST, FIRST + 5 * DAY, 120)]
    at = FIRST + 4 * DAY + 601
    spike = [f"{minute},acme,g,3,3,0\n" for minute in range(at, at + 6)]
    path = tmp_path / "counts.csv"
    path.write_text(HEADER + "".join(sorted(rows + spike, key=lambda row: int(row.split(",")[0]))), encoding="utf-8")
    return path


def test_json_lines_have_one_object_for_each_alert(counts: Path) -> None:
    ran = RUNNER.invoke(backtest.app, [str(counts), "--counts", "--learn-until", str(FIRST + 3 * DAY), "--json"])
    assert ran.exit_code == 0, ran.output
    alerts = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(one["series"], one["rule"]) for one in alerts] == [("acme", "negative")]
    assert set(alerts[0]) >= {
        "alert_id", "series", "rule", "onset_ms", "fired_ms", "resolved_ms", "severity", "negative", "all", "expected",
        "score", "peak", "documents", "rows",
    }  # fmt: skip
    assert 0 <= alerts[0]["fired_ms"] // 60_000 - (FIRST + 4 * DAY + 601) <= 4


def test_a_table_is_printed_without_json(counts: Path) -> None:
    ran = RUNNER.invoke(backtest.app, [str(counts), "--counts", "--budget", "1"])
    assert ran.exit_code == 0, ran.output
    assert "alerts" in ran.stdout


def test_a_budget_without_counts_says_where_it_belongs(counts: Path) -> None:
    ran = RUNNER.invoke(backtest.app, [str(counts), "--budget", "1"])
    assert isinstance(ran.exception, UserError)
    assert "--counts" in str(ran.exception)


def test_fitted_rules_are_shown_with_their_price_and_written_as_a_file_that_can_be_read(
    counts: Path, tmp_path: Path
) -> None:
    written = tmp_path / "fitted.yaml"
    ran = RUNNER.invoke(rules.app, ["fit", str(counts), "--budget", "1", "--json", "--write", str(written)])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert read_rules(written).negative.open == found["rules"]["negative"]["open"]
    assert [row["budget"] for row in found["budgets"]] == [0.25, 0.5, 1.0, 2.0, 4.0]
    again = RUNNER.invoke(rules.app, ["fit", str(counts), "--budget", "1", "--write", str(written)])
    assert isinstance(again.exception, UserError)
    assert "is there already" in str(again.exception)


def test_the_price_is_a_table_for_people(counts: Path) -> None:
    ran = RUNNER.invoke(rules.app, ["fit", str(counts), "--budget", "1"])
    assert ran.exit_code == 0, ran.output
    assert "negative opens at S" in ran.stdout
