"""The list of documents behind a number: those of one series in a span of event time."""

from __future__ import annotations

from dataclasses import dataclass

from desk import figures, names
from desk.evidence import DocumentCells, document_cells
from desk.names import Names
from desk.queries import Queries

MOST = 200


@dataclass(frozen=True, slots=True)
class DocumentsPage:
    """Everything the page shows."""

    subject: str
    series: str
    from_ms: int
    until_ms: int
    span: str
    negative: bool
    documents: tuple[DocumentCells, ...]
    found: str
    cut: bool


def read_documents(
    store: Queries, known: Names, series: str, from_ms: int, until_ms: int, *, negative: bool
) -> DocumentsPage:
    """Documents of `series` published in [from_ms, until_ms), newest first, at most MOST."""
    rows = store.documents_of(series, from_ms, until_ms, MOST + 1, negative=negative)
    shown = rows[:MOST]
    nouns = ("negative text", "negative texts") if negative else ("document", "documents")
    return DocumentsPage(
        subject=known.subject(series).full,
        series=series,
        from_ms=from_ms,
        until_ms=until_ms,
        span=names.window_words(max(0, until_ms - from_ms) // 60_000),
        negative=negative,
        documents=tuple(document_cells(row) for row in shown),
        found=figures.counted(len(shown), *nouns),
        cut=len(rows) > MOST,
    )
