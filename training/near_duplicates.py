"""Which texts say nearly the same as which others: MinHash finds candidates, their exact similarity decides.

Two texts are near-duplicates when they share half of their words and word pairs, or three fifths of their runs of five
characters (of two in Chinese). The first catches a wire that was reworded at one place and templates in which only a
name differs, the second what changes inside words ("47.22%" and "47.22 per cent"). Addresses, case and punctuation do
not count. On the labelled sets 0.5 of the words is where rewordings end and mere kinship of subject begins.

MinHash and banding: J. Leskovec, A. Rajaraman, J. Ullman, "Mining of Massive Datasets", chapter 3. The hash family is
multiply-shift: M. Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem" (1997).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from inference.encode import clean
from text.similarity import shingles

ROWS = 3  # a pair of similarity s shares one of n bands with chance 1 - (1 - s^3)^n
RUN = 5
RUN_CHINESE = 2
CHUNK = 1_024  # shingles hashed at once: what is computed of them stays in a core's cache

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_NO_WORD = re.compile(r"[\W_]+")


def words(text: str) -> set[str]:
    """The words and word pairs of a text; of a Chinese one, pairs of characters. See `text.similarity`."""
    return shingles(clean(text))


def runs(text: str) -> set[str]:
    """The runs of five characters of a text without case and punctuation; of a Chinese one, runs of two.

    >>> sorted(runs("Gold: UP!"))
    ['gold ', 'ld up', 'old u']
    """
    plain = _NO_WORD.sub(" ", unicodedata.normalize("NFKC", clean(text)).casefold()).strip()
    length = RUN
    if 4 * len(_HAN.findall(plain)) > len(plain):
        plain, length = plain.replace(" ", ""), RUN_CHINESE
    return {plain[i : i + length] for i in range(max(1, len(plain) - length + 1))} if plain else set()


@dataclass(frozen=True, slots=True)
class Lens:
    """One way to compare.

    Attributes:
        parts: what a text is made of.
        threshold: the Jaccard similarity from which two texts are near-duplicates.
        bands: enough that of the pairs at the threshold all but a few in a million are found, and more of those above.
    """

    parts: Callable[[str], set[str]]
    threshold: float
    bands: int


LENSES = (Lens(words, 0.5, bands=96), Lens(runs, 0.6, bands=48))


def jaccard(first: set[str], second: set[str]) -> float:
    """The share of what either has that both have, 0 to 1."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


class Comparison:
    """Texts whose parts are hashed once, to be compared group with group.

    Args:
        texts: all of them; groups are given by their places here.
        lenses: a pair that any of them calls near-duplicates is one.
        done: told how many texts one lens has hashed since it was last told; `len(lenses) * len(texts)` in all.
    """

    def __init__(
        self, texts: Sequence[str], lenses: Sequence[Lens] = LENSES, done: Callable[[int], None] = lambda _: None
    ) -> None:
        self._texts = texts
        self._keyed = [(lens, _keys(texts, lens, done)) for lens in lenses]

    def near_duplicates(self, some: Sequence[int], others: Sequence[int]) -> dict[int, int]:
        """Those of some texts that nearly repeat one of the others, each with the most similar other."""
        nearest: dict[int, tuple[float, int]] = {}
        for lens, keys in self._keyed:
            parts = cache(lens.parts)
            for i, j in sorted(_meeting(keys[:, list(some)], keys[:, list(others)])):
                a, b = some[i], others[j]
                similarity = jaccard(parts(self._texts[a]), parts(self._texts[b]))
                if similarity >= lens.threshold and (a not in nearest or similarity > nearest[a][0]):
                    nearest[a] = similarity, b
        return {a: b for a, (_, b) in sorted(nearest.items())}


def _keys(texts: Sequence[str], lens: Lens, done: Callable[[int], None]) -> np.ndarray:
    """Shape (bands, texts): 64-bit keys, one a band."""
    generator = np.random.Generator(np.random.PCG64(20221108))
    a, b = generator.integers(0, 1 << 64, (2, lens.bands * ROWS, 1), dtype=np.uint64)
    a |= np.uint64(1)
    keys = np.zeros((lens.bands, len(texts)), np.uint64)
    for start, hashes, sizes in _chunks(texts, lens.parts):
        offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        minima = np.minimum.reduceat((a * hashes + b) >> np.uint64(32), offsets, axis=1)
        part = keys[:, start : start + len(sizes)]
        for row in range(ROWS):
            part *= np.uint64(0x9E3779B97F4A7C15)
            part += minima[row::ROWS]
        done(len(sizes))
    return keys


def _chunks(texts: Sequence[str], parts: Callable[[str], set[str]]) -> Iterator[tuple[int, np.ndarray, list[int]]]:
    """The place of a chunk's first text, its texts' hashed parts in one row, and how many each has (one at least)."""
    start, hashes, sizes = 0, list[int](), list[int]()
    for place, text in enumerate(texts):
        own = [zlib.crc32(part.encode("utf-8", "replace")) for part in parts(text)] or [0]
        hashes += own
        sizes.append(len(own))
        if len(hashes) >= CHUNK or place == len(texts) - 1:
            yield start, np.array(hashes, np.uint64), sizes
            start, hashes, sizes = place + 1, [], []


def _meeting(left: np.ndarray, right: np.ndarray) -> set[tuple[int, int]]:
    """The pairs of places that share the key of a band."""
    pairs = set[tuple[int, int]]()
    for ours, theirs in zip(left, right, strict=True):
        order = np.argsort(theirs, kind="stable")
        ordered = theirs[order]
        first, last = np.searchsorted(ordered, ours, "left"), np.searchsorted(ordered, ours, "right")
        for a in np.flatnonzero(last > first):
            pairs.update((int(a), int(b)) for b in order[first[a] : last[a]])
    return pairs
