"""Counts per minute from a file: `minute,series,group,all,negative,copies`, checked whole before anything runs.

`minute` is an epoch minute; `all` and `negative` count distinct texts, `copies` come on top; rows that are absent are
zero. Rows lie in the order of time, one for a series and minute.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from contracts.errors import UserError

COLUMNS = ("minute", "series", "group", "all", "negative", "copies")
MOST_SERIES = 1_000_000
NAME_BYTES = 200
FIRST_MINUTE, LAST_MINUTE = 5_259_600, 68_374_080  # 1980 and 2100: seconds or milliseconds lie beyond
GAP_MINUTES = 1440  # so long without any row is worth telling
TOLD_EVERY = 50_000
_GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """One line of the file."""

    minute: int
    series: str
    group: str
    all: int
    negative: int
    copies: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file of counts holds.

    Attributes:
        rows: lines of counts.
        first, last: epoch minutes.
        series: how many names.
        gaps: (line, minutes) of the longest spans without any row, longest first, three at most.
    """

    rows: int
    first: int
    last: int
    series: int
    gaps: tuple[tuple[int, int], ...]

    @property
    def days(self) -> float:
        """Length of the history."""
        return (self.last - self.first + 1) / 1440.0


def check(path: Path, done: Callable[[int], None] = lambda _: None) -> Shape:
    """Read the whole file once and refuse what cannot be run.

    Args:
        path: CSV, gzipped or not, UTF-8, with the header of COLUMNS in this order.
        done: told how many lines have been read, now and then.

    Raises:
        UserError: naming file, line and remedy.
    """
    groups: dict[bytes, bytes] = {}
    last_seen: dict[bytes, int] = {}
    gaps: list[tuple[int, int]] = []
    first = last = -1
    rows = 0
    for number, line in _lines(path):
        cells = line.split(b",")
        if len(cells) != 6:
            raise _mistake(
                path,
                number,
                f"{len(cells)} cells where {len(COLUMNS)} belong",
                "write minute,series,group,all,negative,copies",
            )
        minute_text, series, group, *counted = cells
        if not (minute_text.isdigit() and counted[0].isdigit() and counted[1].isdigit() and counted[2].isdigit()):
            raise _bad_number(path, number, [minute_text, *counted])
        minute = int(minute_text)
        if minute < last:
            raise _mistake(path, number, f"minute {minute} comes after minute {last}", "sort the file by minute")
        texts, negative = int(counted[0]), int(counted[1])
        if negative > texts:
            raise _mistake(path, number, f"{negative} negative of {texts} texts", "`all` counts the negative ones too")
        if minute != last:
            if not FIRST_MINUTE <= minute <= LAST_MINUTE:
                raise _mistake(
                    path, number, f"minute {minute} is no epoch minute of 1980 to 2100", "divide epoch seconds by 60"
                )
            if first < 0:
                first = minute
            elif minute - last > GAP_MINUTES:
                gaps = sorted([*gaps, (number, minute - last - 1)], key=lambda gap: -gap[1])[:3]
            last = minute
        if last_seen.get(series) == minute:
            raise _mistake(
                path, number, f"{_shown(series)} has a row for minute {minute} already", "add the two up in one row"
            )
        if series not in last_seen:
            _check_name(path, number, "series", series)
            _check_name(path, number, "group", group)
            if len(last_seen) >= MOST_SERIES:
                raise _mistake(
                    path, number, f"more than {MOST_SERIES:,} series names",
                    "keep those that are worth watching, or check that the column `series` holds no ids of documents",
                )  # fmt: skip
            groups[series] = group
        elif groups[series] != group:
            raise _mistake(
                path, number, f"{_shown(series)} is in group {_shown(group)}, before it was in {_shown(groups[series])}",
                "give a series one group",
            )  # fmt: skip
        last_seen[series] = minute
        rows += 1
        if rows % TOLD_EVERY == 0:
            done(rows)
    if not rows:
        raise _mistake(path, 2, "there are no counts", "write a row for each series and minute with texts")
    done(rows)
    return Shape(rows, first, last, len(last_seen), tuple(gaps))


def read(path: Path) -> Iterator[tuple[int, Row]]:
    """(line number, row) of a file that `check` has passed; equal names are one object."""
    names: dict[bytes, str] = {}
    for number, line in _lines(path):
        minute, series, group, texts, negative, copies = line.split(b",")
        name, of = names.get(series), names.get(group)
        if name is None:
            name = names[series] = series.decode()
        if of is None:
            of = names[group] = group.decode()
        yield number, Row(int(minute), name, of, int(texts), int(negative), int(copies))


def gap_text(path: Path, gap: tuple[int, int]) -> str:
    """What to say about a gap."""
    line, minutes = gap
    return (
        f"{path}:{line}: nothing at all for {minutes / 1440:.1f} days before this line; absent rows are zero, and so long a "
        "silence of all series is taken for missing data: add the rows if they were lost"
    )


def moment(minute: int) -> str:
    """An epoch minute as people read it, UTC."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, line without its end) behind the header."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == _GZIP if isinstance(raw, BufferedReader) else False
            with gzip.open(raw) if packed else raw as stream:
                header = stream.readline()
                found = header.decode("utf-8", "replace").lstrip("\ufeff").strip()
                if tuple(found.split(",")) != COLUMNS:
                    raise _mistake(path, 1, f"the header is {found[:80]!r}", f"make it {','.join(COLUMNS)}")
                number = 1
                for number, line in enumerate(stream, 2):
                    if line[-1:] != b"\n":
                        raise _mistake(path, number, "the file ends in the middle of this line", "copy it again, whole")
                    yield number, line.rstrip(b"\r\n")
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path}: the gzipped file is cut off or damaged ({error}); copy it again, whole") from error
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _check_name(path: Path, number: int, what: str, name: bytes) -> None:
    if not name or len(name) > NAME_BYTES:
        raise _mistake(path, number, f"a {what} name of {len(name)} bytes", f"give it 1 to {NAME_BYTES}")
    try:
        name.decode()
    except UnicodeDecodeError as error:
        raise _mistake(path, number, f"the {what} name is not UTF-8", "save the file as UTF-8") from error


def _bad_number(path: Path, number: int, cells: list[bytes]) -> UserError:
    for name, cell in zip(("minute", *COLUMNS[3:]), cells, strict=True):
        if not cell.isdigit():
            what = f"{name} is {_shown(cell)}"
            if cell[:1] == b"-" and cell[1:].isdigit():
                return _mistake(
                    path,
                    number,
                    f"{what}, below zero",
                    "corrections cannot be counted: add them to the row they correct",
                )
            return _mistake(path, number, f"{what}, not a whole number", "write digits only, 0 where there is nothing")
    return _mistake(path, number, "not a row of counts", f"write {','.join(COLUMNS)}")


def _shown(cell: bytes) -> str:
    return repr(cell.decode("utf-8", "replace")[:80])


def _mistake(path: Path, line: int, what: str, remedy: str) -> UserError:
    return UserError(f"{path}:{line}: {what}; {remedy}")
