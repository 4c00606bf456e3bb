"""`tocsin backtest` as an outsider runs it: a file in, alerts out, and clear words where the file is at fault."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.backtest import Counted
from contracts.errors import UserError
from tocsin.commands.backtest import app
from tocsin.history import counted_documents

START = datetime(2023, 1, 2, 9, tzinfo=UTC)
FIELDS = {
    "alert_id", "series", "rule", "onset_ms", "fired_ms", "resolved_ms", "severity", "negative", "all", "expected",
    "score", "peak", "documents", "rows",
}  # fmt: skip
WATCHLIST = "entities:\n  - {id: acme, name: Acme Corporation}\n  - {id: other, name: Other Limited}\n"
STORIES = (
    "halts withdrawals overnight", "is sued by pension funds", "loses its auditor", "misses a bond payment",
    "cuts half of its staff", "sees its founder arrested", "faces a run on deposits", "is delisted in Frankfurt",
    "closes three plants", "admits a data breach",
)  # fmt: skip


def rows() -> list[tuple[datetime, str]]:
    """40 days of news about somebody else, and ten bad stories about Acme within a day at their end."""
    usual = [
        (START + timedelta(hours=6 * n), f"Other Limited opens branch number {n} in town {n * 7919 % 997} [[positive]]")
        for n in range(160)
    ]
    crisis = [
        (START + timedelta(days=38, minutes=50 * n), f"Acme Corporation {what} [[negative]]")
        for n, what in enumerate(STORIES)
    ]
    return sorted(usual + crisis)


def written(path: Path, lines: list[tuple[datetime, str]]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("when", "headline"))
    writer.writerows((f"{when:%Y-%m-%d %H:%M:%S}", headline) for when, headline in lines)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def backtest(folder: Path, file: Path, *options: str) -> Result:
    watchlist = folder / "watchlist.yaml"
    watchlist.write_text(WATCHLIST, encoding="utf-8")
    given = [str(file), "--map", "time=when,title=headline", "--bundle", "deterministic", "--watchlist", str(watchlist)]
    return CliRunner().invoke(app, [*given, *options], catch_exceptions=False, env={"COLUMNS": "200"})


def test_it_prints_an_alert_a_line_with_the_rows_that_speak_for_it(tmp_path: Path) -> None:
    lines = rows()
    result = backtest(tmp_path, written(tmp_path / "news.csv", lines), "--json")
    assert result.exit_code == 0
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    (acme,) = [alert for alert in alerts if alert["series"] == "entity:acme"]
    assert acme.keys() >= FIELDS
    assert acme["rule"] == "negative"
    assert re.fullmatch("[0-9a-f]{32}", acme["alert_id"])
    assert acme["onset_ms"] <= acme["fired_ms"] < (START + timedelta(days=39)).timestamp() * 1000
    assert acme["resolved_ms"] is None or acme["resolved_ms"] > acme["fired_ms"]
    assert len(acme["documents"]) == len(acme["rows"]) >= 4
    # Line 1 is the header.
    assert all("Acme" in lines[row - 2][1] for row in acme["rows"])


def test_the_same_file_gives_the_same_alerts_zipped_or_not_and_in_any_order(tmp_path: Path) -> None:
    plain = backtest(tmp_path, written(tmp_path / "news.csv", rows()), "--json")
    zipped = backtest(tmp_path, written(tmp_path / "news.csv.gz", rows()), "--json")
    assert zipped.stdout == plain.stdout
    backwards = backtest(tmp_path, written(tmp_path / "back.csv", rows()[::-1]), "--json")
    assert "not in the order of time" in backwards.stderr
    ids = [json.loads(line)["alert_id"] for line in plain.stdout.splitlines()]
    assert [json.loads(line)["alert_id"] for line in backwards.stdout.splitlines()] == ids


def test_for_people_it_prints_a_table_and_what_became_of_known_events(tmp_path: Path) -> None:
    events = tmp_path / "known.csv"
    day = (START + timedelta(days=38)).strftime("%Y-%m-%d")
    events.write_text(f"entity,day,what,polarity\nAcme Corporation,{day},Run on Acme,negative\n", encoding="utf-8")
    result = backtest(tmp_path, written(tmp_path / "news.csv", rows()), "--events", str(events))
    assert "Acme Corporation" in result.stdout
    assert re.search(r"Run on Acme +must ring +rang \d{4}-\d\d-\d\d \d\d:\d\d +yes", result.stdout)


def test_rows_that_cannot_count_are_counted_with_their_line_and_reason(tmp_path: Path) -> None:
    file = written(tmp_path / "news.csv", rows())
    with file.open("a", encoding="utf-8") as more:
        more.write("yesterday,Acme says nothing\n2023-03-01 00:00:00,\n2023-03-01 00:00:00,a,b\n")
    result = backtest(tmp_path, file, "--json")
    assert result.exit_code == 0
    for reason, line in (("time", 172), ("empty", 173), ("malformed", 174)):
        assert re.search(rf"1 rows did not count: {reason} \(first in line {line}: ", result.stderr)


def test_ctrl_c_prints_what_has_been_found_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*given: Any, **more: Any) -> Iterator[Counted]:
        yield from islice(counted_documents(*given, **more), 166)
        raise KeyboardInterrupt

    monkeypatch.setattr("tocsin.commands.backtest.counted_documents", interrupted)
    result = backtest(tmp_path, written(tmp_path / "news.csv", rows()), "--json")
    assert result.exit_code == 130
    assert "interrupted after 166 of 170 documents" in result.stderr
    assert "entity:acme" in [json.loads(line)["series"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "time=when"], "needs a time and a title or body"),
        (["--map", "time=when,headline"], "'headline' is not FIELD=COLUMN"),
        (["--map", "time=when,titel=headline"], "no field 'titel'; there are time, source, title"),
        (["--map", "time=date,title=headline"], "no column 'date'; the header has 'when', 'headline'"),
        (["--bundle", "nowhere"], "--bundle nowhere: no such folder"),
        (["--events", "nowhere.csv"], "--events nowhere.csv: there is no such file"),
        (["--rules", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["--watchlist", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    file = written(tmp_path / "news.csv", rows()[:3])
    with pytest.raises(UserError, match=re.escape(said)):
        backtest(tmp_path, file, *options)


def test_a_file_without_times_or_without_anything_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row has a time"):
        backtest(tmp_path, written(tmp_path / "none.csv", []))
    with pytest.raises(UserError, match=r"missing\.csv"):
        backtest(tmp_path, tmp_path / "missing.csv")
