"""References to documents, packed: how an alert finds the texts behind its counts without Redis keeping any text.

A reference names a place in the log (`scores`, partition and offset), from which the snippet is read when an alert needs
it. Layout, little-endian: visible second u32, p(negative) in thousandths u16 (both put in front by the counting script),
then document id 16 bytes, event minute u32, partition u16, offset u64, author 8 bytes, story 8 bytes, and the source's
name in UTF-8.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from contracts.messages import Score

_BODY = struct.Struct("<16sIHQ8s8s")
_WHOLE = struct.Struct("<IH16sIHQ8s8s")
SOURCE_MAX_BYTES = 64
NO_AUTHOR = bytes(8)


@dataclass(frozen=True, slots=True)
class Reference:
    """A document that counted for a series.

    Attributes:
        visible_s: when the detector could know of it, epoch seconds.
        p_negative: towards the series, 0 to 1.
        minute: event minute, epoch minutes.
        partition: of `scores`.
        offset: in that partition.
        author: first 8 bytes of a hash, zeros without an author.
        story: first 8 bytes of the story id.
    """

    visible_s: int
    p_negative: float
    document: str
    minute: int
    partition: int
    offset: int
    author: bytes
    story: bytes
    source: str


def short_hash(text: str) -> bytes:
    """Eight bytes that stand for a name."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def pack_body(score: Score, partition: int, offset: int) -> bytes:
    """The part of a reference that is the same for every series of a document."""
    return (
        _BODY.pack(
            bytes.fromhex(score.document),
            max(0, score.published_ms // 60_000),
            partition,
            offset,
            short_hash(score.author) if score.author else NO_AUTHOR,
            bytes.fromhex(score.story)[:8],
        )
        + score.source.encode()[:SOURCE_MAX_BYTES]
    )


def unpack(packed: bytes) -> Reference:
    """A reference as the counting script stored it."""
    visible_s, p, document, minute, partition, offset, author, story = _WHOLE.unpack_from(packed)
    source = packed[_WHOLE.size :].decode("utf-8", "replace")
    return Reference(visible_s, p / 1000, document.hex(), minute, partition, offset, author, story, source)
