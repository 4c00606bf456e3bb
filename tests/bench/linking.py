"""How well names are found and stories told apart. Prints tables; asserts nothing.

    python -m tests.bench.linking                        the hard set with the shipped watchlist; the story pairs; speed
    python -m tests.bench.linking --sentfin FILE         a watchlist of half of SEntFiN's names: the other half is not there
    python -m tests.bench.linking --finentity FILE       the same for FinEntity (for testing only)
    python -m tests.bench.linking --wrong                also print what went wrong, in the half that may be looked at

Precision and recall are micro-averaged over (text, entity); spans count as found only where both ends agree.
"""

from __future__ import annotations

import argparse
import re
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contracts.watchlist import WatchedEntity, read_watchlist, shipped_watchlists
from ingest.cluster import MemoryStoryIndex, Sighting
from ingest.link import Linker
from tests.bench.linking_sets import HardText, NamedText, Pair, Story, hard_set, named_texts, story_pairs
from text.story import telling

NOON = 1_700_000_000_000
CONSOLE = Console(soft_wrap=True)


@dataclass
class Tally:
    """True and false finds."""

    right: int = 0
    invented: int = 0
    missed: int = 0

    def add(self, found: Collection[object], true: Collection[object]) -> None:
        """Count one text."""
        both = len(set(found) & set(true))
        self.right += both
        self.invented += len(set(found)) - both
        self.missed += len(set(true)) - both

    @property
    def precision(self) -> float:
        """Of what was found, the share that is true."""
        return self.right / max(1, self.right + self.invented)

    @property
    def recall(self) -> float:
        """Of what is true, the share that was found."""
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.precision * self.recall / max(1e-9, self.precision + self.recall)

    @property
    def row(self) -> list[str]:
        """precision, recall, F1 and the counts behind them."""
        quality = (f"{figure:.3f}" for figure in (self.precision, self.recall, self.f1))
        return [*quality, f"{self.right}", f"{self.invented}", f"{self.missed}"]


def table(title: str) -> Table:
    """An empty table of tallies."""
    return Table("what", "precision", "recall", "F1", "right", "invented", "missed", title=title)


def watchlist(name: str) -> list[WatchedEntity]:
    """A shipped watchlist, or a file."""
    return read_watchlist(shipped_watchlists().get(name) or Path(name))


def measure_hard(linker: Linker, texts: Sequence[HardText], *, wrong: bool) -> Table:
    """The hard set: all, and its two halves."""
    tallies = {
        "entities, all": Tally(),
        "entities, seen half": Tally(),
        "entities, exam": Tally(),
        "spans, all": Tally(),
    }
    for text in texts:
        mentions = linker.link(text.title, text.body)
        found = {mention.entity for mention in mentions}
        half = "entities, seen half" if text.number % 2 else "entities, exam"
        for name in ("entities, all", half):
            tallies[name].add(found, text.entities)
        spans = {(start, end, mention.entity) for mention in mentions for start, end in mention.spans}
        tallies["spans, all"].add(spans, text.mentions)
        if wrong and text.number % 2 and found != text.entities:
            CONSOLE.print(
                f"{text.number}: {text.title} {text.body}\n    -{text.entities - found} +{found - text.entities}",
                markup=False,
            )
    out = table(f"hard set: {len(texts)} texts")
    for name, tally in tallies.items():
        out.add_row(name, *tally.row)
    return out


def halved(names: Collection[str]) -> set[str]:
    """Half of the names, by a hash that does not change."""
    return {name for name in names if zlib.crc32(name.encode()) % 2}


def proper(names: Collection[str], texts: Sequence[NamedText]) -> set[str]:
    """Names that are not mostly written as common words: "stocks", "gold" and "market" are on nobody's watchlist."""
    words = Counter(word for text in texts for word in re.findall(r"[\w&.'-]+", text.text)[1:])
    return {
        name
        for name in names
        if not name.islower() and (" " in name or words[name.lower()] * 4 <= words[name] + words[name.upper()])
    }


def measure_named(title: str, texts: Sequence[NamedText], *, wrong: bool) -> Table:
    """A watchlist of half of the proper names, spellings that differ in case only being one entity.

    A find is invented where the annotators saw another name in its place, or none that holds it: `strict` counts every
    find that is no label; `in place` only those whose place lies within a name that the annotators gave to another entity,
    since they did not label every name in every text.
    """
    watched = halved({name.casefold() for name in proper({name for text in texts for name in text.names}, texts)})
    spellings: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for name in text.names:
            if name.casefold() in watched:
                spellings[name.casefold()].add(name)
    entities = [
        WatchedEntity(id=f"e{number}", name=min(spellings[name]), aliases=sorted(spellings[name])[1:])
        for number, name in enumerate(sorted(watched))
        if spellings[name]
    ]
    ids = {name.casefold(): entity.id for entity in entities for name in (entity.name, *entity.aliases)}
    by_id = {entity.id: entity.name for entity in entities}
    linker = Linker(entities)
    strict, in_place = Tally(), Tally()
    for text in texts:
        mentions = linker.link(text.text)
        found = {mention.entity for mention in mentions}
        true = {ids[name.casefold()] for name in text.names if name.casefold() in ids}
        strict.add(found, true)
        others = [
            match.span() for name in text.names for match in re.finditer(re.escape(name), text.text, re.IGNORECASE)
        ]
        inside = {
            mention.entity
            for mention in mentions
            if any(start < end_ and end > start_ for start, end in mention.spans for start_, end_ in others)
        }
        in_place.add(found & (true | inside), true)
        if wrong and found & (true | inside) != true and zlib.crc32(text.text.encode()) % 20 == 1:
            CONSOLE.print(
                f"{text.text}\n    true {set(text.names)}\n    -{[by_id[i] for i in true - found]} "
                f"+{[by_id[i] for i in (found & inside) - true]}",
                markup=False,
            )
    out = table(f"{title}: {len(texts)} texts, {len(entities)} names watched")
    out.add_row("strict", *strict.row)
    out.add_row("in place", *in_place.row)
    return out


def sighting(name: str, story: Story) -> Sighting:
    """A telling as clustering sees it."""
    return Sighting(f"{zlib.crc32(name.encode()):032x}", story.lang, NOON, telling(story.title, story.body))


def measure_pairs(pairs: Sequence[Pair], *, wrong: bool) -> Table:
    """Each pair in an index of its own."""
    tallies = {name: Tally() for name in ("all", "seen half", "exam")}
    kinds: dict[str, Counter[bool]] = defaultdict(Counter)
    for pair in pairs:
        first, second = (sighting(f"{pair.number}/{n}", one) for n, one in enumerate((pair.first, pair.second)))
        together = MemoryStoryIndex().place([first, second])[1].position == 2
        kinds[f"{'same' if pair.same else 'other'} {pair.kind} {pair.lang}"][together == pair.same] += 1
        for name in ("all", "seen half" if pair.number % 2 else "exam"):
            tallies[name].add([1] if together else [], [1] if pair.same else [])
        if wrong and pair.number % 2 and together != pair.same:
            CONSOLE.print(
                f"{'missed' if pair.same else 'joined'} {pair.kind}: {pair.first.title} || {pair.second.title}",
                markup=False,
            )
    out = table(f"story pairs: {len(pairs)}")
    for name, tally in tallies.items():
        out.add_row(name, *tally.row)
    for kind, counts in kinds.items():
        out.add_row(kind, "", "", "", f"{counts[True]}", "", f"{counts[False]}")
    return out


def measure_speed(linker: Linker, texts: Sequence[HardText], pairs: Sequence[Pair]) -> Table:
    """Documents per second of this process's CPU."""
    out = Table("what", "a second of CPU", title="speed")
    started = time.process_time()
    for _ in range(20):
        for text in texts:
            linker.link(text.title, text.body)
    out.add_row("link", f"{20 * len(texts) / (time.process_time() - started):,.0f}")
    stories = [story for pair in pairs for story in (pair.first, pair.second)]
    index = MemoryStoryIndex()
    started = time.process_time()
    for turn in range(10):
        for number, story in enumerate(stories):
            index.place([sighting(f"{turn}/{number}", story)])
    out.add_row("tell and place in memory", f"{10 * len(stories) / (time.process_time() - started):,.0f}")
    return out


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentfin", type=Path)
    parser.add_argument("--finentity", type=Path)
    parser.add_argument("--watchlist", default="world")
    parser.add_argument("--wrong", action="store_true")
    given = parser.parse_args()
    if given.sentfin or given.finentity:
        for title, path in (("SEntFiN", given.sentfin), ("FinEntity", given.finentity)):
            if path:
                CONSOLE.print(measure_named(title, named_texts(path), wrong=given.wrong))
        return
    linker, texts, pairs = Linker(watchlist(given.watchlist)), hard_set(), story_pairs()
    CONSOLE.print(measure_hard(linker, texts, wrong=given.wrong))
    CONSOLE.print(measure_pairs(pairs, wrong=given.wrong))
    CONSOLE.print(measure_speed(linker, texts, pairs))


if __name__ == "__main__":
    main()
