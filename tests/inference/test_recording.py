"""Exactly one record of `scores` per document, whatever the document is."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from contracts import codec
from contracts.messages import Document
from inference.recording import record_scores, snippet_of
from inference.scoring import Scorer, load_scorer
from stream.records import Record

EXAMPLE = orjson.loads((Path(codec.__file__).parent / "examples" / "document-1.json").read_bytes())
APPENDED = 1_667_878_200_000


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_scorer({"en": "deterministic"})


def record(value: bytes | None, *, offset: int = 0) -> Record:
    return Record(3, offset, b"key", value, (), APPENDED)


def document(**changes: object) -> bytes:
    return orjson.dumps(EXAMPLE | changes)


def test_a_document_becomes_a_score_with_its_origin(scorer: Scorer) -> None:
    (written,) = record_scores([record(document(title="[[negative]] FTX halts"), offset=41)], scorer, APPENDED + 5)
    score = written.score
    assert (score.status, score.origin_partition, score.origin_offset) == ("scored", 3, 41)
    assert (score.document, score.source, score.published_ms) == (EXAMPLE["id"], "CoinDesk", EXAMPLE["published_ms"])
    assert score.sentiment["negative"] > 0.9
    assert [mention.entity for mention in score.mentions] == ["ftx"]
    assert (score.bundle, score.queue_us, score.appended_ms) == ("deterministic", 5_000, APPENDED)
    assert written.dead is None


@pytest.mark.parametrize(
    ("value", "reason", "dead"),
    [
        (b"{broken", "undecodable", True),
        (b"\xff\xfe", "undecodable", True),
        (None, "empty_value", True),
        (document(story=None), "schema", True),
        (document(title="x" * 2_000_000), "too_large", True),
        (document(published_ms=0, fetched_ms=0), "implausible_date", True),
        (document(published_ms=APPENDED + 31_536_000_000, fetched_ms=APPENDED), "future_dated", True),
        (document(published_ms=APPENDED + 31_536_000_000, fetched_ms=APPENDED + 31_536_000_000), "future_dated", True),
        (document(lang="xx"), "language", False),
        (document(title="", body=""), "empty", False),
    ],
)
def test_what_cannot_be_scored_is_rejected_with_its_reason(
    scorer: Scorer, value: bytes | None, reason: str, dead: bool
) -> None:
    (written,) = record_scores([record(value)], scorer, APPENDED)
    assert (written.score.status, written.score.reason) == ("rejected", reason)
    assert (written.dead is not None) == dead
    assert written.score.origin_offset == 0


def test_good_and_bad_keep_their_order(scorer: Scorer) -> None:
    values = [document(), b"{", document(lang="xx"), document(title="")]
    written = record_scores([record(value, offset=o) for o, value in enumerate(values)], scorer, APPENDED)
    assert [one.score.origin_offset for one in written] == [0, 1, 2, 3]
    assert [one.score.status for one in written] == ["scored", "rejected", "rejected", "rejected"]


def test_a_snippet_is_the_beginning_and_fits() -> None:
    long = Document.model_validate(EXAMPLE | {"title": "Title", "body": "b" * 1_000})
    assert snippet_of(long).startswith("Title. bbb")
    assert len(snippet_of(long)) == 280
    assert snippet_of(Document.model_validate(EXAMPLE | {"title": "", "body": "only"})) == "only"


def test_hop_times_of_the_document_are_kept(scorer: Scorer) -> None:
    sent = Record(0, 0, None, document(), [("schema", b"document/1"), ("hop.publish", b"77")], APPENDED)
    (written,) = record_scores([sent], scorer, APPENDED)
    assert written.hops == {"publish": 77}
