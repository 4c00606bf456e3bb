"""A batch of rows, sorted out: what becomes a document, what was published before, what is dead. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import orjson

from contracts.errors import Rejected
from ingest.normalise import Item, item_from
from ingest.pipeline import Linked
from ingest.replay import Broken, Row


@dataclass(frozen=True, slots=True)
class Due:
    """A row and its place in time: `index` into the survey, None for a row that has no time."""

    row: Row | Broken
    index: int | None


@dataclass(frozen=True, slots=True)
class Dead:
    """What cannot become a document, as it stood there."""

    raw: bytes
    rejected: Rejected


def link_batch(
    batch: Iterable[Due], source: str, times_ms: Sequence[int], link: Callable[[Item], Linked]
) -> tuple[list[Linked], list[Dead]]:
    """Link what can be linked.

    Args:
        batch: rows.
        source: the name of items whose row has none.
        times_ms: the survey's fetch times.
        link: `Pipeline.link`.
    """
    linked: list[Linked] = []
    dead: list[Dead] = []
    for due in batch:
        if isinstance(due.row, Broken):
            dead.append(Dead(due.row.raw, due.row.rejected))
            continue
        fetched_ms = None if due.index is None else times_ms[due.index]
        try:
            linked.append(link(item_from(due.row.values, source=source, fetched_ms=fetched_ms)))
        except Rejected as rejected:
            at_line = Rejected(rejected.reason, f"line {due.row.line}: {rejected.detail}")
            dead.append(Dead(orjson.dumps(due.row.values, default=str), at_line))
    return linked, dead


def sort_out(
    linked: Iterable[Linked], saved: Collection[str], read_back: Collection[str]
) -> tuple[list[Linked], dict[str, int]]:
    """What is still to be published, and what only has to be saved as published.

    Args:
        linked: drafts in order; one id may come twice.
        saved: ids that are saved as published.
        read_back: ids that were found on the log and are not saved yet.

    Returns:
        drafts to publish, each id once; and id -> published time of those that were read back.
    """
    fresh: dict[str, Linked] = {}
    found: dict[str, int] = {}
    for one in linked:
        if one.draft.id in read_back:
            found[one.draft.id] = one.draft.published_ms
        elif one.draft.id not in saved:
            fresh.setdefault(one.draft.id, one)
    return list(fresh.values()), found
