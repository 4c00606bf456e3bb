"""Reads the texts of a file of the user's for `tocsin score`: a text a line, or a column of CSV, TSV or JSONL."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

from contracts.errors import UserError
from ingest.replay import Broken, read_rows

ROWS = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json"})
_GZIP_MAGIC = b"\x1f\x8b"


def read_texts(path: Path, column: str) -> list[str]:
    """The texts in a file, in its order; empty ones stay, so that answers can be laid beside the file.

    Args:
        path: `-` is standard input, a text a line.
        column: of the text, where the file's name says that it has columns.

    Raises:
        UserError: the file cannot be read; names the file, the row and what to do.
    """
    if not ROWS & {suffix.lower() for suffix in path.suffixes}:
        return _lines(path)
    texts = []
    for number, row in enumerate(read_rows(path, {"text": column}), start=1):
        if isinstance(row, Broken):
            raise UserError(f"--file {path}, row {number}: {row.rejected.detail}; mend the row or leave it out")
        text = row.values["text"]
        if not isinstance(text, str):
            raise UserError(
                f"--file {path}, row {number} (line {row.line}): {column!r} is {text!r}, no text; name the field with --text"
            )
        texts.append(text)
    return texts


def _lines(path: Path) -> list[str]:
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        if raw.startswith(_GZIP_MAGIC):
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"--file {path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"--file {path}, line {line}: not UTF-8; save the file in UTF-8") from None
