"""Reads the rows of a file in event time: CSV, TSV or JSONL, gzipped or not, or Parquet; whole or broken.

A row that cannot be read becomes a `Broken` with its line and its reason, and reading goes on with the next line: a
stray quote costs its own line, not the rest of the file. Rows come in the order of the file; where a file is not sorted
by time, late rows are late documents, as they would be from a live source.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from contracts.errors import Rejected, UserError
from ingest.parquet import is_parquet, parquet_rows

FIELDS = ("time", "source", "title", "body", "id", "url", "author", "lang", "kind", "entity")
LINE_MAX_BYTES = 1024 * 1024
HEADER_SHOWN_CHARACTERS = 400
RECORD_MAX_LINES = 2_000  # of one quoted field; beyond it the quote was never closed
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be read: `values` has the mapped columns under our names, those of FIELDS."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that could not be read. `raw` is what stood there, at most 64 KiB of it."""

    line: int
    rejected: Rejected
    raw: bytes


def read_rows(path: Path, mapping: Mapping[str, str]) -> Iterator[Row | Broken]:
    """The rows of a file, in its order.

    Args:
        path: CSV with a header (tab-separated where its name says .tsv), or JSONL; UTF-8, with a byte-order mark or
            without; gzipped or not, whatever its name. Or Parquet, whatever its name.
        mapping: our field (FIELDS) -> the file's column or key.

    Raises:
        UserError: when the file cannot be opened, or lacks a mapped column.
    """
    if is_parquet(path):
        yield from _read_parquet(path, mapping)
        return
    with _opened(path) as file:
        lines = _Lines(file)
        jsonl = _is_jsonl(path, lines)
        yield from _read_jsonl(lines, mapping) if jsonl else _read_csv(path, lines, mapping)


class _Lines:
    """Physical lines with their numbers, which can be given back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._returned: list[bytes] = []
        self.number = 0
        self.failure: Rejected | None = None

    def next(self) -> bytes | None:
        """The next line with its end, cut at LINE_MAX_BYTES + 1; None at the end of what can be read."""
        if self._returned:
            self.number += 1
            return self._returned.pop()
        if self.failure:
            return None
        try:
            line = self._file.readline(LINE_MAX_BYTES + 1)
            if len(line) > LINE_MAX_BYTES:
                while (rest := self._file.readline(LINE_MAX_BYTES)) and not rest.endswith(b"\n"):
                    continue
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.failure = Rejected("unreadable", f"the gzip stream is damaged from here on: {error}")
            return None
        if not line:
            return None
        self.number += 1
        # Taken off before the cells are cut: a quoted first name of the header would otherwise not begin with its quote.
        return line.removeprefix(_BYTE_ORDER_MARK) if self.number == 1 else line

    def give_back(self, lines: list[bytes]) -> None:
        """Lines to be read again, in their order."""
        self._returned.extend(reversed(lines))
        self.number -= len(lines)


class _Record:
    """The text lines of one CSV record, for csv.reader: it takes as many as its quotes need."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self.taken: list[bytes] = []

    def __iter__(self) -> _Record:
        return self

    def __next__(self) -> str:
        line = self._lines.next() if len(self.taken) < RECORD_MAX_LINES else None
        if line is None:
            raise StopIteration
        self.taken.append(line)
        # What is not UTF-8 is carried through as surrogates, so that one bad byte does not break the quoting.
        return line.decode("utf-8", "surrogateescape")


def _read_csv(path: Path, lines: _Lines, mapping: Mapping[str, str]) -> Iterator[Row | Broken]:
    csv.field_size_limit(LINE_MAX_BYTES)
    separator = "\t" if ".tsv" in _suffixes(path) else ","
    header: list[str] | None = None
    places: dict[str, int] = {}
    while True:
        record = _Record(lines)
        first = lines.number + 1
        try:
            cells = next(csv.reader(record, delimiter=separator, strict=True), None)
        except csv.Error as error:
            lines.give_back(record.taken[1:])
            large = len(record.taken[0]) > LINE_MAX_BYTES
            yield _broken(first, "too_large" if large else "malformed", str(error), record.taken[0])
            continue
        if cells is None:
            break
        if not cells or cells == [""]:
            continue
        raw = b"".join(record.taken)
        if header is None:
            header = [name.strip() for name in cells]
            places = _columns(path, header, mapping)
        elif len(raw) > LINE_MAX_BYTES:
            yield _broken(first, "too_large", f"a row of over {LINE_MAX_BYTES} bytes", raw)
        elif len(cells) != len(header):
            lines.give_back(record.taken[1:])
            yield _broken(
                first, "malformed", f"{len(cells)} fields where the header has {len(header)}", record.taken[0]
            )
        elif undecoded := [name for name, cell in zip(header, cells, strict=True) if _UNDECODED.search(cell)]:
            yield _broken(first, "undecodable", f"not UTF-8 in column {undecoded[0]!r}", raw)
        else:
            yield Row(first, {field: cells[place] for field, place in places.items()})
    if lines.failure:
        yield Broken(lines.number + 1, lines.failure, b"")


def _columns(path: Path, header: list[str], mapping: Mapping[str, str]) -> dict[str, int]:
    if any(_UNDECODED.search(name) or "\x00" in name for name in header):
        raise UserError(f"{path}: the header is not UTF-8; save the file as CSV in UTF-8")
    missing = [column for column in mapping.values() if column not in header]
    if missing:
        shown = ", ".join(map(repr, header))
        shown = shown if len(shown) <= HEADER_SHOWN_CHARACTERS else shown[:HEADER_SHOWN_CHARACTERS] + " ..."
        raise UserError(f"{path}: there is no column {missing[0]!r}; the header has {shown}")
    return {field: header.index(column) for field, column in mapping.items()}


def _read_jsonl(lines: _Lines, mapping: Mapping[str, str]) -> Iterator[Row | Broken]:
    while (line := lines.next()) is not None:
        if len(line) > LINE_MAX_BYTES:
            yield _broken(lines.number, "too_large", f"a line of over {LINE_MAX_BYTES} bytes", line)
            continue
        if not line.strip():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield _broken(lines.number, "undecodable", str(error), line)
            continue
        if isinstance(values, dict):
            yield Row(lines.number, {field: values.get(key) for field, key in mapping.items()})
        else:
            yield _broken(lines.number, "malformed", "not a JSON object", line)
    if lines.failure:
        yield Broken(lines.number + 1, lines.failure, b"")


def _read_parquet(path: Path, mapping: Mapping[str, str]) -> Iterator[Row | Broken]:
    try:
        for number, values in parquet_rows(path, list(dict.fromkeys(mapping.values()))):
            yield Row(number, {field: values[column] for field, column in mapping.items()})
    except Rejected as rejected:
        yield Broken(int(rejected.detail.partition(" ")[0]), Rejected(rejected.reason, f"row {rejected.detail}"), b"")


def _broken(line: int, reason: str, detail: str, raw: bytes) -> Broken:
    return Broken(line, Rejected(reason, f"line {line}: {detail}"), raw[: 64 * 1024])


def _is_jsonl(path: Path, lines: _Lines) -> bool:
    """By name where it says so, else by the first sign in the file."""
    suffixes = _suffixes(path)
    if suffixes & {".jsonl", ".ndjson", ".json"}:
        return True
    if suffixes & {".csv", ".tsv"}:
        return False
    first = lines.next()
    if first is None:
        return False
    lines.give_back([first])
    return first.lstrip().startswith(b"{")


def _suffixes(path: Path) -> set[str]:
    return {suffix.lower() for suffix in path.suffixes}


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as plain:
            magic = plain.read(2)
            plain.seek(0)
            if magic == _GZIP_MAGIC:
                with gzip.GzipFile(fileobj=plain) as unpacked:
                    yield unpacked  # type: ignore[misc]  # a GzipFile reads as any binary file does
            else:
                yield plain
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
