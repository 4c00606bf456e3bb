from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clock import DAY_MS, HOUR_MS
from contracts.errors import UserError
from ingest.replay import LINE_MAX_BYTES, Broken, Row, read_rows
from ingest.survey import FetchTimes, survey

CSV_MAP = {"time": "ts", "title": "title"}
FAR = 4_000_000_000_000


def _file(folder: Path, content: bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _read(path: Path) -> list[tuple[int, str]]:
    """(line, title or the reason it is broken)."""
    return [
        (row.line, str(row.values["title"]) if isinstance(row, Row) else f"!{row.rejected.reason}")
        for row in read_rows(path, CSV_MAP)
    ]


def test_rows_come_with_their_lines_and_our_names(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        b'ts,source,title\n2022-11-08,CoinDesk,FTX halts\n2022-11-09,Decrypt,"Two\nlines"\n2022-11-10,X,After\n',
    )
    assert _read(path) == [(2, "FTX halts"), (3, "Two\nlines"), (5, "After")]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows", "rows.dat"])
def test_a_gzipped_file_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert _read(_file(tmp_path, gzip.compress(b"ts,title\n2022,a\n"), name)) == [(2, "a")]


def test_json_lines_are_known_by_their_first_sign(tmp_path: Path) -> None:
    content = (
        b'{"ts": 1, "title": "a"}\n\n[1]\n{"ts": 2, "title": \xff}\n{"ts": 3}\nnot json\n{"ts": 4, "title": "b"}\n'
    )
    assert _read(_file(tmp_path, content, "rows")) == [
        (1, "a"), (3, "!malformed"), (4, "!undecodable"), (5, "None"), (6, "!undecodable"), (7, "b"),
    ]  # fmt: skip


RUBBISH = [
    ("a byte that is no UTF-8 costs its row", b"1,a\n2,\xff\xfe\n3,c\n", [(2, "a"), (3, "!undecodable"), (4, "c")]),
    ("a missing field costs its row", b"1,a\n2\n3,c\n", [(2, "a"), (3, "!malformed"), (4, "c")]),
    ("a field too many costs its row", b"1,a\n2,b,b\n3,c\n", [(2, "a"), (3, "!malformed"), (4, "c")]),
    (
        "a quote that is never closed costs its row",
        b'1,a\n2,"b\n3,c\n4,d\n',
        [(2, "a"), (3, "!malformed"), (4, "c"), (5, "d")],
    ),
    (
        "a quote closed rows later costs its row",
        b'1,a\n2,"b\n3,c\n4,"d"\n',
        [(2, "a"), (3, "!malformed"), (4, "c"), (5, "d")],
    ),
    ("text behind a closing quote costs its row", b'1,a\n2,"b"b\n3,c\n', [(2, "a"), (3, "!malformed"), (4, "c")]),
    ("blank lines are no rows", b"1,a\n\n\r\n3,c\n", [(2, "a"), (5, "c")]),
    ("a NUL is a character", b"1,a\n2,b\x00\n", [(2, "a"), (3, "b\x00")]),
    ("a last line without its end is a row", b"1,a\n2,b", [(2, "a"), (3, "b")]),
    ("Windows line ends are line ends", b"1,a\r\n2,b\r\n", [(2, "a"), (3, "b")]),
    (
        "a line of 5 MB costs its row",
        b"1,a\n2," + b"x" * 5_000_000 + b"\n3,c\n",
        [(2, "a"), (3, "!too_large"), (4, "c")],
    ),
    (
        "a quoted line of 5 MB costs its row",
        b'1,a\n2,"' + b"x" * 5_000_000 + b'"\n3,c\n',
        [(2, "a"), (3, "!too_large"), (4, "c")],
    ),
]


@pytest.mark.parametrize(("what", "content", "expected"), RUBBISH, ids=[row[0] for row in RUBBISH])
def test_rubbish(tmp_path: Path, what: str, content: bytes, expected: list[tuple[int, str]]) -> None:
    assert _read(_file(tmp_path, b"ts,title\n" + content)) == expected, what


@pytest.mark.parametrize("header", [b"ts,title", b'"ts","title"'])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, header: bytes) -> None:
    assert _read(_file(tmp_path, b"\xef\xbb\xbf" + header + b"\n1,a\n")) == [(2, "a")]


@pytest.mark.parametrize("name", ["rows.tsv", "rows.tsv.gz", "rows.TSV"])
def test_tabs_part_the_fields_of_a_tsv(tmp_path: Path, name: str) -> None:
    content = b'ts\ttitle\n1\ta, b\n2\t"two\nlines"\n'
    assert _read(_file(tmp_path, content, name)) == [(2, "a, b"), (3, "two\nlines")]


@pytest.mark.parametrize("content", ["ts,title\n1,a\n".encode("utf-16"), b"PK\x03\x04\x14\x00,\xff\n"])
def test_a_header_that_is_not_utf_8_says_how_to_save_the_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match="the header is not UTF-8; save the file"):
        _read(_file(tmp_path, content))


def test_the_column_with_the_bytes_that_are_not_utf_8_is_named(tmp_path: Path) -> None:
    (broken,) = read_rows(_file(tmp_path, b"ts,title\n1,\xe9t\xe9\n"), CSV_MAP)
    assert isinstance(broken, Broken)
    assert broken.rejected.detail == "line 2: not UTF-8 in column 'title'"


def test_a_gzip_that_ends_early_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    whole = gzip.compress(b"ts,title\n" + b"".join(b"%d,item %d\n" % (n, n * 7919) for n in range(20_000)))
    rows = _read(_file(tmp_path, whole[: len(whole) // 2]))
    assert rows[0] == (2, "item 0")
    assert rows[-1][1] == "!unreadable"
    assert len(rows) > 100


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert _read(_file(tmp_path, b"")) == []


@pytest.mark.parametrize(("path", "said"), [("missing.csv", "No such file"), ("", "directory")])
def test_a_file_that_cannot_be_opened_is_the_users_mistake(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        _read(tmp_path / path)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column 'title'; the header has 'ts', 'headline'"):
        _read(_file(tmp_path, b"ts,headline\n1,a\n"))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader_and_no_line_is_read_twice(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = _file(tmp_path_factory.getbasetemp(), b"ts,title\n" + content)
    lines = [line for line, _ in _read(path)]
    assert lines == sorted(set(lines))


def test_the_raw_row_is_kept_for_its_dead_letter(tmp_path: Path) -> None:
    (broken,) = (row for row in read_rows(_file(tmp_path, b"ts,title\n1\n"), CSV_MAP) if isinstance(row, Broken))
    assert broken.raw == b"1\n"
    assert "line 2" in broken.rejected.detail
    assert len(broken.raw) < LINE_MAX_BYTES


def _survey_of(folder: Path, *hours: float | str, not_after_ms: int = FAR) -> list[float]:
    day = 1_667_865_600_000
    rows = "".join(f"{when if isinstance(when, str) else int(day + when * HOUR_MS)},t\n" for when in hours)
    found = survey(_file(folder, b"ts,title\n" + rows.encode()), CSV_MAP, not_after_ms=not_after_ms)
    return [(ms - day) / HOUR_MS for ms in found.promises_ms]


def test_a_sorted_file_promises_each_row_its_own_time(tmp_path: Path) -> None:
    assert _survey_of(tmp_path, 0, 1, 5) == [0, 1, 5]


def test_a_row_that_is_still_to_come_holds_the_promise_back(tmp_path: Path) -> None:
    assert _survey_of(tmp_path, 0, 3, 2, 4) == [0, 2, 2, 4]


def test_a_row_over_a_day_late_holds_nothing_back(tmp_path: Path) -> None:
    assert _survey_of(tmp_path, 0, 30, 5, "1970-01-01", 31) == [0, 30, 30, 30, 31]


def test_the_span_of_a_file_leaves_mistakes_out(tmp_path: Path) -> None:
    path = _file(tmp_path, b"ts,title\n1970-01-01,a\n2022-11-08,b\nsoon,c\n2099-01-01,d\n2022-11-09,e\n2022-11-07,f\n")
    now = 1_700_000_000_000
    found = survey(path, CSV_MAP, not_after_ms=now)
    day = 1_667_865_600_000
    assert (found.start_ms, found.end_ms) == (day - DAY_MS, day + DAY_MS)
    assert (found.rows, found.broken) == (6, 1)
    assert found.out_of_order == 2


def test_a_file_without_a_single_time_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row has a time"):
        survey(_file(tmp_path, b"ts,title\nsoon,a\n"), CSV_MAP, not_after_ms=FAR)


def test_a_row_dated_ahead_of_the_wall_counts_as_fetched_with_the_row_before() -> None:
    fetch = FetchTimes(not_after_ms=1_700_000_000_000)
    assert fetch.of("2022-11-08") == 1_667_865_600_000
    assert fetch.of("2099-01-01") == 1_667_865_600_000
    assert fetch.of("soon") is None
