"""What was said of an entity before it was watched: pure. An entity added later then does not start cold.

The last RELINK_DAYS of `documents` are read back and linked with the new entities alone. What comes out is a history, by
hour: how many texts would have counted for the entity. It is not counted: nothing is added to windows, `scores` or
`documents`, and no alert can come of it. Doing it again gives the same, so a crash in between costs nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from contracts.clock import HOUR_MS
from contracts.messages import RELEVANCE_COUNTED, Document
from contracts.watchlist import WatchedEntity
from ingest.link import Linker

RELINK_DAYS = 7
DISTINCT_POSITIONS = 5  # story positions beyond are copies, as in counting

History = dict[int, int]


class Relink:
    """Collects the history of new entities from documents, each counted once however often it is met.

    Args:
        new: the entities that were added.
    """

    def __init__(self, new: Sequence[WatchedEntity]) -> None:
        self._linker = Linker(new)
        self._new = {entity.id for entity in new}
        self._seen: set[str] = set()
        self._hours: dict[str, Counter[int]] = defaultdict(Counter)

    def add(self, documents: Iterable[Document]) -> None:
        """Link documents; those that have one of the entities already are left out for it."""
        for document in documents:
            if document.id in self._seen:
                continue
            self._seen.add(document.id)
            if document.position > DISTINCT_POSITIONS:
                continue
            known = {mention.entity for mention in document.mentions}
            for mention in self._linker.link(document.title, document.body):
                if mention.relevance >= RELEVANCE_COUNTED and mention.entity not in known:
                    self._hours[mention.entity][document.published_ms // HOUR_MS] += 1

    def histories(self) -> dict[str, History]:
        """Entity id -> epoch hour -> distinct texts that named it with relevance enough to count; empty where none did."""
        return {entity: dict(sorted(self._hours[entity].items())) for entity in sorted(self._new)}
