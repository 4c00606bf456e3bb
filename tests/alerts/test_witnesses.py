"""Which documents speak for an alert."""

from __future__ import annotations

from alerts.references import Reference, pack_body, short_hash, unpack
from alerts.witnesses import choose, in_window, with_witnesses
from contracts.evidence import Evidence
from contracts.messages import Score

AT_S = 1_667_900_000


def reference(
    number: int, *, p: float = 0.9, story: int | None = None, author: str = "", minutes_ago: int = 0
) -> Reference:
    return Reference(
        visible_s=AT_S - minutes_ago * 60,
        p_negative=p,
        document=f"{number:032x}",
        minute=AT_S // 60 - minutes_ago,
        partition=0,
        offset=number,
        author=short_hash(author) if author else bytes(8),
        story=(story if story is not None else number).to_bytes(8),
        source="wire",
    )


def read(partition: int, offset: int) -> Score | None:
    return Score(
        document=f"{offset:032x}", origin_partition=partition, origin_offset=offset, source="wire", story="0" * 32,
        snippet=f"text {offset}", bundle="en-1", topic={"politics": 1.0}, sentiment={"negative": 0.9},
    )  # fmt: skip


def test_only_what_was_visible_and_lies_in_the_window_speaks() -> None:
    later = reference(3, minutes_ago=-1)
    chosen = in_window([reference(1, minutes_ago=14), reference(2, minutes_ago=15), later], AT_S, 15)
    assert [r.document for r in chosen] == [f"{1:032x}"]


def test_the_most_negative_come_first_and_a_story_speaks_once_before_it_speaks_twice() -> None:
    told = [reference(1, p=0.99, story=7), reference(2, p=0.98, story=7), reference(3, p=0.6), reference(4, p=0.7)]
    assert [r.offset for r in choose(told, 3)] == [1, 4, 3]
    assert [r.offset for r in choose(told, 4)] == [1, 4, 3, 2]


def test_evidence_names_documents_authors_sources_and_the_largest_story() -> None:
    told = [reference(n, author="a" if n < 3 else "b", story=9 if n < 4 else None) for n in range(5)]
    evidence = with_witnesses(Evidence(), told, read)
    assert [d.snippet for d in evidence.documents] == ["text 0", "text 4", "text 1", "text 2", "text 3"]
    assert evidence.contributing_total == 5
    assert (evidence.authors, evidence.largest_author_share) == (2, 0.6)
    assert evidence.sources == {"wire": 5}
    assert evidence.largest_story is not None
    assert (evidence.largest_story.documents, evidence.largest_story.share) == (4, 0.8)
    assert evidence.bundle == "en-1"


def test_documents_that_the_log_no_longer_holds_are_left_out_and_still_counted() -> None:
    evidence = with_witnesses(Evidence(), [reference(1), reference(2)], lambda _p, _o: None)
    assert evidence.documents == []
    assert evidence.contributing_total == 2


def test_evidence_without_documents_divides_by_nothing() -> None:
    assert with_witnesses(Evidence(), [], read).contributing_total == 0


def test_a_reference_is_unpacked_as_it_was_packed() -> None:
    score = Score.model_validate(read(3, 8).model_dump() | {"published_ms": 600_000, "author": "ada", "source": "财新"})  # type: ignore[union-attr]
    packed = (AT_S).to_bytes(4, "little") + (875).to_bytes(2, "little") + pack_body(score, 3, 8)
    assert unpack(packed) == Reference(AT_S, 0.875, score.document, 10, 3, 8, short_hash("ada"), bytes(8), "财新")
