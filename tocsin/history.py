"""A file of documents through ingest and scoring, in memory: what `tocsin backtest` counts is what the stream would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

from alerts.backtest import Counted, counted
from contracts.codec import encode, headers
from contracts.errors import Rejected, UserError
from contracts.messages import Document
from contracts.watchlist import WatchedEntity
from inference.recording import record_scores
from inference.scoring import Scorer
from ingest.dates import parse_time_ms
from ingest.pipeline import Pipeline
from ingest.replay import FIELDS, Broken, Row, read_rows
from stream.records import Record

BATCH = 256


@dataclass(slots=True)
class Losses:
    """Rows that did not count: reason -> how many, with the line of the first of each."""

    rows: dict[str, int] = field(default_factory=dict)
    first: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, line: int, rejected: Rejected) -> None:
        """Take note of a row."""
        self.rows[rejected.reason] = self.rows.get(rejected.reason, 0) + 1
        self.first.setdefault(rejected.reason, (line, rejected.detail))


def read_mapping(text: str) -> dict[str, str]:
    """`time=ts,title=headline` -> {"time": "ts", "title": "headline"}.

    Raises:
        UserError: naming the part that cannot be used.
    """
    mapping: dict[str, str] = {}
    for part in text.split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise UserError(f"--map: {part!r} is not FIELD=COLUMN, as in time=ts,source=source,title=title")
        if name not in FIELDS:
            raise UserError(f"--map: there is no field {name!r}; there are {', '.join(FIELDS)}")
        if name in mapping:
            raise UserError(f"--map: {name!r} is given twice")
        mapping[name] = column
    if "time" not in mapping or not mapping.keys() & {"title", "body"}:
        raise UserError("--map: a history needs a time and a title or body, as in time=ts,title=title")
    return mapping


def read_history(path: Path, mapping: Mapping[str, str], losses: Losses) -> tuple[list[Row], bool]:
    """The readable rows of a file by time, and whether they had to be put into that order.

    Raises:
        UserError: the file cannot be read, lacks a mapped column, or has no row with a time.
    """
    timed: list[tuple[int, int, Row]] = []
    for row in read_rows(path, mapping):
        if isinstance(row, Broken):
            losses.add(row.line, row.rejected)
            continue
        when = parse_time_ms(row.values.get("time"))
        if when is None:
            losses.add(row.line, Rejected("time", f"{row.values.get('time')!r} is no time"))
            continue
        timed.append((when, row.line, row))
    if not timed:
        raise UserError(f"{path}: no row has a time that can be read in column {mapping['time']!r}")
    disordered = any(later[0] < earlier[0] for earlier, later in pairwise(timed))
    if disordered:
        timed.sort(key=lambda one: one[:2])
    return [row for _, _, row in timed], disordered


def counted_documents(
    rows: Sequence[Row],
    watchlist: Sequence[WatchedEntity],
    scorer: Scorer,
    losses: Losses,
    *,
    not_after_ms: int,
    done: Callable[[int], None],
) -> Iterator[Counted]:
    """Rows as documents, scored, as they count.

    Args:
        rows: in the order of time.
        watchlist: whom to find in them.
        scorer: the model.
        losses: takes note of rows that do not count.
        not_after_ms: wall time now: rows dated beyond it are mistakes.
        done: told how many rows have been read so far.
    """
    pipeline = Pipeline(watchlist, not_after_ms=not_after_ms, on_rejected=losses.add)
    documents = pipeline.documents((row.line, row.values) for row in rows)
    read = 0
    while batch := list(islice(documents, BATCH)):
        yield from _scored(batch, scorer, losses)
        read += len(batch)
        done(read)


def _scored(batch: Sequence[tuple[int, Document]], scorer: Scorer, losses: Losses) -> Iterator[Counted]:
    records = [
        Record(0, line, document.id.encode(), encode(document), headers(document), document.published_ms)
        for line, document in batch
    ]
    for (line, _), written in zip(batch, record_scores(records, scorer, 0), strict=True):
        if written.score.status == "rejected":
            losses.add(line, written.dead or Rejected(written.score.reason or "rejected", ""))
        else:
            yield counted(written.score, line)
