from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from contracts.errors import UserError
from ingest.dates import parse_time_ms
from ingest.replay import Broken, Row, read_rows

MAPPING = {"time": "when", "title": "headline", "entity": "tickers"}


def write(folder: Path, rows: int = 3) -> Path:
    noon = dt.datetime(2022, 11, 8, 12, tzinfo=dt.UTC)
    table = pa.table(
        {
            "when": pa.array([noon + dt.timedelta(hours=n) for n in range(rows)], pa.timestamp("us")),
            "headline": [f"标题 {n}" for n in range(rows)],
            "tickers": [["FTX"] for _ in range(rows)],
            "unused": [b"\xff"] * rows,
        }
    )
    path = folder / "news.dat"
    parquet.write_table(table, path, row_group_size=1_000)
    return path


def test_rows_of_parquet_are_those_of_any_file_whatever_its_name(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path), MAPPING))
    assert all(isinstance(row, Row) for row in rows)
    assert [row.line for row in rows] == [1, 2, 3]
    first = rows[0]
    assert isinstance(first, Row)
    assert (first.values["title"], first.values["entity"]) == ("标题 0", ["FTX"])
    assert parse_time_ms(first.values["time"]) == 1_667_908_800_000


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column 'text'; the file has 'when', 'headline'"):
        list(read_rows(write(tmp_path), {"time": "when", "title": "text"}))


def test_a_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="this Parquet file cannot be read"):
        list(read_rows(path, MAPPING))


def test_a_file_that_is_damaged_in_the_middle_gives_what_it_can_and_says_from_where_on(tmp_path: Path) -> None:
    path = write(tmp_path, 50_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4_000] = b"\0" * 4_000
    path.write_bytes(content)
    *before, last = read_rows(path, MAPPING)
    assert len(before) >= 1_000
    assert isinstance(last, Broken)
    assert last.rejected.reason == "unreadable"
    assert last.line == len(before) + 1
