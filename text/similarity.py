"""When two texts tell one story: a MinHash signature over shingles of words, or of characters in Chinese and Japanese.

MinHash: A. Broder, "On the resemblance and containment of documents" (1997). The chance that two sets have the same
minimum under a random hash is their Jaccard similarity, so the share of equal places estimates it. Only the low byte of
each minimum is kept (b-bit minwise hashing: P. Li and A. C. Koenig, 2010): two unequal minima share it one time in 256.

Constants are part of the format: signatures in a store compare only with signatures made by the same numbers.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

PERMUTATIONS = 96  # standard error of the estimate at similarity 0.5: 0.05
BANDS = 16
BAND_BYTES = 4  # of a band's key
ROWS = 3  # per band: of texts with similarity 0.55 at least one band agrees 94 times in 100
LEAD_WORDS = 60  # a story is told in its title and lead; wires differ in where they cut the rest
LEAD_CHARACTERS = 150

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_TOO_COMMON = frozenset(
    "a an and are as at be by for from has have he in is it its of on or s says said that the this to was were will with".split()  # noqa: SIM905 - words read best as words
)
_PRIME = np.uint64((1 << 31) - 1)


def _coefficients() -> tuple[np.ndarray, np.ndarray]:
    """The hash family h -> (a h + b) mod (2^31 - 1), drawn once and for ever from a fixed seed."""
    generator = np.random.Generator(np.random.PCG64(20221106))
    a = generator.integers(1, int(_PRIME), PERMUTATIONS, dtype=np.uint64)
    b = generator.integers(0, int(_PRIME), PERMUTATIONS, dtype=np.uint64)
    return a[:, None], b[:, None]


_A, _B = _coefficients()


@dataclass(frozen=True, slots=True)
class Signature:
    """What two texts are compared by.

    Attributes:
        places: PERMUTATIONS bytes, the low byte of each minimum.
        bands: BANDS keys of BAND_BYTES bytes; texts that share none are not compared.
    """

    places: bytes
    bands: tuple[bytes, ...]


def shingles(text: str) -> set[str]:
    """What a text is made of: its words and word pairs; for Chinese and Japanese, character pairs.

    Never empty for a text with a visible character: what has no words is one shingle as a whole.
    """
    lead = text[: LEAD_CHARACTERS * 8].casefold()
    characters = _CJK.findall(lead)
    if len(characters) >= 4 and len(characters) * 4 > len(lead.replace(" ", "")):
        kept = "".join(found for found in lead if found.isalnum())[:LEAD_CHARACTERS]
        return {kept[i : i + 2] for i in range(len(kept) - 1)}
    words = [word for word in _WORD.findall(lead) if word not in _TOO_COMMON][:LEAD_WORDS]
    if not words:
        return {lead.strip()} if lead.strip() else set()
    return set(words) | {f"{a} {b}" for a, b in pairwise(words)}


def signature(text: str) -> Signature | None:
    """The signature of a clean text; None when there is nothing to compare."""
    parts = shingles(text)
    if not parts:
        return None
    hashes = np.fromiter((zlib.crc32(part.encode("utf-8", "replace")) for part in parts), np.uint64, len(parts))
    # a < 2^31 and h mod p < 2^31: the product stays below 2^62.
    minima = ((_A * (hashes % _PRIME) + _B) % _PRIME).min(axis=1).astype(np.uint32)
    raw = minima.astype("<u4").tobytes()
    width = 4 * ROWS
    bands = tuple(
        bytes((band,)) + zlib.crc32(raw[band * width : (band + 1) * width]).to_bytes(4, "big")[1:]
        for band in range(BANDS)
    )
    return Signature((minima & 0xFF).astype(np.uint8).tobytes(), bands)


def similarity(first: bytes, second: bytes) -> float:
    """The estimated Jaccard similarity of two texts from the places of their signatures, 0 to 1."""
    equal = sum(a == b for a, b in zip(first, second, strict=True)) / PERMUTATIONS
    return max(0.0, (equal - 1 / 256) / (1 - 1 / 256))
