"""What a snapshot's card counts, and how it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.rows import SPLITS, Row


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows per split, and per split of each source, language, licence and label; a mention counts once each."""
    return {
        "rows": len(rows),
        "splits": {split: sum(row.split == split for row in rows) for split in SPLITS},
        "sources": _by((row.source, row.split) for row in rows),
        "languages": _by((row.lang, row.split) for row in rows),
        "licences": _by((row.licence, row.split) for row in rows),
        "sentiment": _by((row.sentiment, row.split) for row in rows if row.sentiment),
        "topic": _by((row.topic, row.split) for row in rows if row.topic),
        "mentions": _by((mention.label, row.split) for row in rows for mention in row.mentions),
    }


def _by(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found = Counter(pairs)
    return {name: {split: found[name, split] for split in SPLITS} for name in sorted({name for name, _ in found})}


def markdown(card: Mapping[str, Any]) -> str:
    """The card as a page.

    Args:
        card: what `counts` gives, with version, sha256 and left_out.
    """
    lines = [
        f"# Snapshot {card['version']}",
        "",
        f"{card['rows']:,} texts; sha256 over the content: `{card['sha256']}`.",
        "Where the texts come from and under which licences: `training/data/NOTICE.md`. The sources own_en and own_zh were",
        "written for this project by a language model; nothing in them is a statement of fact.",
    ]
    for title, key in (
        ("Source", "sources"),
        ("Language", "languages"),
        ("Licence", "licences"),
        ("Sentiment of the text", "sentiment"),
        ("Topic", "topic"),
        ("Sentiment towards a mention", "mentions"),
    ):
        lines += ["", f"| {title} | {' | '.join(SPLITS)} |", f"|---|{'---:|' * len(SPLITS)}"]
        lines += [f"| {name} | {' | '.join(str(found[s]) for s in SPLITS)} |" for name, found in card[key].items()]
    lines += ["", "## Left out", "", "| Source | split | why | rows |", "|---|---|---|---:|"]
    lines += [f"| {one['source']} | {one['split']} | {one['why']} | {one['rows']} |" for one in card["left_out"]]
    return "\n".join(lines) + "\n"
