"""Items to documents: normalise, link, cluster. The composition that the sources' shell and `tocsin backtest` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import Rejected
from contracts.messages import Document, Mention
from contracts.watchlist import WatchedEntity
from ingest.cluster import MemoryStoryIndex, Place, Sighting, StoryIndex
from ingest.link import Linker
from ingest.normalise import Draft, Item, item_from, normalise
from ingest.survey import FetchTimes
from text.story import telling

CLUSTER_BATCH = 64  # documents placed at once: one round trip where the index is in Redis

OnRejected = Callable[[int, Rejected], None]
OnChanges = Callable[[Sequence[str]], None]


def _ignore(*_: object) -> None:
    """The default of both callbacks."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A draft with its mentions, waiting for its story."""

    draft: Draft
    mentions: list[Mention]
    sighting: Sighting
    watchlist: str = ""

    def document(self, place: Place) -> Document:
        """The document, now that its story is known."""
        draft = self.draft
        return Document(
            id=draft.id,
            source=draft.source,
            kind=draft.kind,
            lang=draft.lang,
            title=draft.title,
            body=draft.body,
            url=draft.url,
            author=draft.author,
            published_ms=draft.published_ms,
            fetched_ms=draft.fetched_ms,
            flags=list(draft.flags),
            story=place.story,
            position=place.position,
            mentions=self.mentions,
            watchlist=self.watchlist,
        )


@dataclass(slots=True)
class Pipeline:
    """Normalise, link, cluster.

    Attributes:
        watchlist: the entities to find, for good.
        linkers: gives the linker for the next document, where the list may change; else one is made of `watchlist`.
        author_key: key of the hash that stands for an author.
        stories: where stories are found; memory by default.
        source: the name of items whose row has none.
        not_after_ms: wall time now: replayed rows dated beyond it are mistakes. The year 9999 by default.
        on_rejected: told the row's number and why it cannot become a document.
        on_changes: told what normalising changed, by reason.
    """

    watchlist: Sequence[WatchedEntity]
    author_key: bytes = b"tocsin"
    stories: StoryIndex = field(default_factory=MemoryStoryIndex)
    source: str = "file"
    not_after_ms: int = 253_402_300_799_999
    on_rejected: OnRejected = _ignore
    on_changes: OnChanges = _ignore
    linkers: Callable[[], Linker] | None = None
    linker: Linker = field(init=False)

    def __post_init__(self) -> None:
        self.linker = self.linkers() if self.linkers else Linker(self.watchlist)

    def link(self, item: Item) -> Linked:
        """An item up to its story.

        Raises:
            Rejected: with the reason, when it cannot become a document.
        """
        draft, changes = normalise(item, self.author_key)
        if changes:
            self.on_changes(changes)
        if self.linkers:
            self.linker = self.linkers()
        linker = self.linker
        mentions = linker.link(draft.title, draft.body, draft.entities)
        sighting = Sighting(draft.id, draft.lang, draft.published_ms, telling(draft.title, draft.body))
        return Linked(draft, mentions, sighting, linker.version)

    def documents(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, Document]]:
        """The documents of replayed rows, each once, in the order of the rows.

        Args:
            rows: (row number, column -> value); columns are named time, source, title, body, id, url, author, lang,
                kind, entity. Fetch times are those of `survey.FetchTimes`.

        Yields:
            (row number, document). Rows that cannot become one go to `on_rejected`: `time`, `empty`, or `repeat` for an
            item that a row before held already.
        """
        waiting: list[tuple[int, Linked]] = []
        fetch = FetchTimes(self.not_after_ms)
        for number, values in rows:
            try:
                waiting.append(
                    (number, self.link(item_from(values, source=self.source, fetched_ms=fetch.of(values.get("time")))))
                )
            except Rejected as rejected:
                self.on_rejected(number, rejected)
            if len(waiting) >= CLUSTER_BATCH:
                yield from self._placed(waiting)
                waiting = []
        yield from self._placed(waiting)

    def _placed(self, waiting: Sequence[tuple[int, Linked]]) -> Iterator[tuple[int, Document]]:
        places = self.stories.place([linked.sighting for _, linked in waiting])
        for (number, linked), place in zip(waiting, places, strict=True):
            if place.repeat:
                self.on_rejected(number, Rejected("repeat", f"document {linked.draft.id} was read before"))
            else:
                yield number, linked.document(place)
