"""Rows of a Parquet file, a group at a time, so that a large file never lies in memory whole. pyarrow is loaded only for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.errors import Rejected, UserError

_MAGIC = b"PAR1"
BATCH_ROWS = 1_000


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes; False where it cannot be read, which reading it then says."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file in its order: number from 1, and column -> value. Times without a zone are UTC.

    Raises:
        UserError: the file is damaged, or lacks a column.
        Rejected: `unreadable`, its detail beginning with the row from which on the file cannot be read.
    """
    import pyarrow  # noqa: PLC0415, ICN001 - 60 MB that a stage without Parquet does without
    from pyarrow import parquet  # noqa: PLC0415 - likewise

    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: this Parquet file cannot be read: {error}") from error
    with file:
        names = file.schema_arrow.names
        missing = [column for column in columns if column not in names]
        if missing:
            raise UserError(
                f"{path}: there is no column {missing[0]!r}; the file has {', '.join(map(repr, names))[:400]}"
            )
        number = 0
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                for values in batch.to_pylist():
                    number += 1
                    yield number, {name: _plain(value) for name, value in values.items()}
        except (pyarrow.ArrowException, OSError) as error:
            raise Rejected("unreadable", f"{number + 1} and on: the file is damaged: {error}") from error


def _plain(value: Any) -> Any:
    """As the same value would stand in JSON; a time stays one."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (str, int, float, bool, datetime)):
        return value
    return str(value)
