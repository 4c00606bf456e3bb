"""Documents in, records of `scores` out: pure but for the model. Exactly one record per document, whatever the document is.

A document that cannot be decoded, breaks its schema, has an impossible date or cannot be scored still gets a record,
`rejected` with the reason: counting insists that origins come without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts import codec
from contracts.errors import Rejected
from contracts.messages import SNIPPET_MAX_CHARACTERS, Document, MentionScore, Score
from inference.scoring import Scored, Scorer, TextToScore
from stream.records import Record

EARLIEST_MS = 631_152_000_000  # 1990: a document dated before is a broken date, and would teach years of silence
FUTURE_TOLERANCE_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Written:
    """What becomes of one document.

    Attributes:
        score: the record for `scores`.
        dead: why the document also goes to dead letters; None when its record says enough.
        hops: hop times received with the document.
    """

    score: Score
    dead: Rejected | None
    hops: dict[str, int]


def read(record: Record) -> Document:
    """The document of a record.

    Raises:
        Rejected: it cannot be decoded, breaks the schema, or has an impossible date (`implausible_date`, `future_dated`).
    """
    document = codec.decode(Document, record.value, record.headers)
    if document.published_ms < EARLIEST_MS:
        raise Rejected("implausible_date", f"published_ms {document.published_ms} lies before 1990")
    if document.published_ms > document.fetched_ms + FUTURE_TOLERANCE_MS:
        raise Rejected("future_dated", "published more than 5 min after it was fetched")
    if record.appended_ms and document.published_ms > record.appended_ms + FUTURE_TOLERANCE_MS:
        raise Rejected("future_dated", "published more than 5 min after Kafka received it")
    return document


def record_scores(batch: Sequence[Record], scorer: Scorer, now_ms: int) -> list[Written]:
    """One record per document, in order.

    Args:
        batch: records of `documents`.
        scorer: the models.
        now_ms: wall time at which the batch was taken, milliseconds UTC.
    """
    read_or_not: list[Document | Rejected] = []
    for record in batch:
        try:
            read_or_not.append(read(record))
        except Rejected as error:
            read_or_not.append(error)
    results = iter(
        scorer.score(
            [
                TextToScore(d.id, d.lang, d.title, d.body, tuple(tuple(mention.spans) for mention in d.mentions))
                for d in read_or_not
                if isinstance(d, Document)
            ]
        )
    )
    return [
        _unreadable(record, item)
        if isinstance(item, Rejected)
        else _written(record, item, next(results), max(0, now_ms - record.appended_ms))
        for record, item in zip(batch, read_or_not, strict=True)
    ]


def condemned(record: Record, error: Rejected) -> Written:
    """The record of a document that crashes its scorer."""
    return _unreadable(record, error)


def _unreadable(record: Record, error: Rejected) -> Written:
    score = Score(
        document=hashlib.sha256(record.value or b"").hexdigest()[:32],
        status="rejected",
        reason=error.reason,
        origin_partition=record.partition,
        origin_offset=record.offset,
        appended_ms=record.appended_ms,
    )
    return Written(score, error, {})


def snippet_of(document: Document) -> str:
    """The beginning of a document, as evidence shows it."""
    text = f"{document.title}. {document.body}" if document.title and document.body else document.title or document.body
    return text if len(text) <= SNIPPET_MAX_CHARACTERS else text[: SNIPPET_MAX_CHARACTERS - 1] + "…"


def _written(record: Record, document: Document, result: Scored, queue_ms: int) -> Written:
    mentions = (
        [
            MentionScore.model_validate(
                m.model_dump(include={"entity", "relevance", "session"})
                | {"sentiment": _rounded(sentiment), "from_text": from_text}
            )
            for m, sentiment, from_text in zip(document.mentions, result.mentions, result.from_text, strict=True)
        ]
        if result.reason is None
        else []
    )
    score = Score.model_validate(
        {
            "document": document.id,
            "status": "scored" if result.reason is None else "rejected",
            "reason": result.reason,
            "origin_partition": record.partition,
            "origin_offset": record.offset,
            "appended_ms": record.appended_ms,
            "published_ms": document.published_ms,
            "source": document.source,
            "kind": document.kind,
            "lang": document.lang,
            "story": document.story,
            "position": document.position,
            "author": document.author,
            "url": document.url,
            "snippet": snippet_of(document),
            "bundle": result.bundle,
            "topic": _rounded(result.topic),
            "sentiment": _rounded(result.sentiment),
            "mentions": mentions,
            "queue_us": queue_ms * 1000,
            "tokenise_us": result.tokenise_us,
            "infer_us": result.infer_us,
        }
    )
    return Written(score, None, codec.hops(record.headers))


def _rounded(probabilities: Mapping[Any, float]) -> dict[str, float]:
    """Four digits: finer ones are noise of quantisation and only make the log longer."""
    return {label: round(p, 4) for label, p in probabilities.items()}
