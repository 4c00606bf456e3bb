"""Documents as the pages show them, and the list of those behind a number: one series in a span of event time."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from contracts.evidence import DocumentEvidence
from desk import figures, names
from desk.markup import highlighted, web_link
from desk.names import Names
from desk.queries import Queries
from desk.rows import DocumentRow

MOST = 200


@dataclass(frozen=True, slots=True)
class DocumentCells:
    """A document on the page; weight_share is its weight as a share of the heaviest one's."""

    id: str
    text: Markup
    source: str
    published_ms: int
    link: str | None
    p_negative: str
    weight: str
    weight_share: float
    story: str
    copies: str
    author: str


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


def documents_link(series: str, from_ms: int, until_ms: int, *, negative: bool) -> str:
    """Where the documents of a span of event time are listed."""
    query = {"series": series, "from": from_ms, "until": until_ms} | ({"negative": 1} if negative else {})
    return f"/documents?{urlencode(query)}"


def top_document(document: DocumentEvidence, kept: DocumentRow | None, heaviest: float) -> DocumentCells:
    """One of the documents that a transition carries; its place in its story comes from what the desk keeps, where it does."""
    position = kept.position if kept else document.position
    return DocumentCells(
        id=document.id,
        text=highlighted(document.snippet, document.highlights),
        source=document.source,
        published_ms=document.published_ms,
        link=web_link(document.url),
        p_negative=figures.percent(document.p_negative),
        weight=figures.percent(document.weight),
        weight_share=min(max(document.weight / heaviest, 0.0), 1.0) if heaviest > 0 else 0.0,
        story=document.story,
        copies=_place_in_story(position),
        author=(document.author or "")[:8],
    )


def kept_document(document: DocumentRow) -> DocumentCells:
    """A document as the desk keeps it."""
    return DocumentCells(
        id=document.id,
        text=highlighted(document.snippet, ()),
        source=document.source,
        published_ms=document.published_ms,
        link=web_link(document.url),
        p_negative=figures.percent(document.p_negative),
        weight="",
        weight_share=0.0,
        story=document.story,
        copies=_place_in_story(document.position),
        author="",
    )


def _place_in_story(position: int) -> str:
    return "novel" if position == 1 else f"no. {position} of its story"


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
        documents=tuple(kept_document(row) for row in shown),
        found=figures.counted(len(shown), *nouns),
        cut=len(rows) > MOST,
    )
