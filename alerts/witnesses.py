"""The documents behind an alert, chosen from a series' references: pure. `score_log` reads their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from alerts.references import NO_AUTHOR, Reference
from contracts.evidence import DocumentEvidence, Evidence, StoryEvidence
from contracts.messages import Score

SHOWN = 5
CONTRIBUTING_MAX = 500

ReadScore = Callable[[int, int], Score | None]


def in_window(references: Sequence[Reference], at_s: int, minutes: int) -> list[Reference]:
    """Those visible at `at_s` (epoch seconds) whose event minute lies in the last `minutes` minutes."""
    end = at_s // 60
    return [r for r in references if r.visible_s <= at_s and end - minutes < r.minute <= end]


def choose(references: Sequence[Reference], number: int = SHOWN) -> list[Reference]:
    """The ones that weigh most, the most negative first, one per story before a second of any."""
    ranked = sorted(references, key=lambda r: (-r.p_negative, r.visible_s, r.document))
    first: list[Reference] = []
    stories: set[bytes] = set()
    for reference in ranked:
        if reference.story not in stories:
            stories.add(reference.story)
            first.append(reference)
    chosen = first + [r for r in ranked if r not in first]
    return chosen[:number]


def with_witnesses(evidence: Evidence, references: Sequence[Reference], read: ReadScore) -> Evidence:
    """Evidence with its documents: the five that weigh most, ids of all, authors, sources, the largest story.

    Args:
        evidence: with its counts.
        references: the contributing documents.
        read: (partition, offset) of `scores` -> the score, None when the log no longer holds it.
    """
    mass = sum(r.p_negative for r in references) or 1.0
    documents: list[DocumentEvidence] = []
    bundle = evidence.bundle
    for reference in choose(references):
        score = read(reference.partition, reference.offset)
        if score is None:
            continue
        bundle = score.bundle
        documents.append(
            DocumentEvidence(
                id=reference.document,
                source=score.source,
                snippet=score.snippet,
                url=score.url,
                author=score.author,
                published_ms=score.published_ms,
                p_negative=reference.p_negative,
                weight=reference.p_negative / mass,
                story=score.story,
                position=score.position,
            )
        )
    authors = Counter(r.author for r in references if r.author != NO_AUTHOR)
    stories = Counter(r.story for r in references)
    largest = stories.most_common(1)[0] if stories else None
    first_of_largest = next((r for r in references if largest and r.story == largest[0]), None)
    return evidence.model_copy(
        update={
            "documents": documents,
            "contributing": [r.document for r in references[-CONTRIBUTING_MAX:]],
            "contributing_total": len(references),
            "authors": len(authors),
            "largest_author_share": max(authors.values()) / len(references) if authors else 0.0,
            "largest_story": StoryEvidence(
                story=first_of_largest.document, documents=largest[1], share=largest[1] / len(references)
            )
            if largest and first_of_largest and largest[1] > 1
            else None,
            "sources": dict(Counter(r.source for r in references).most_common()),
            "bundle": bundle,
        }
    )
