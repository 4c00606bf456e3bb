"""A document's words as the model reads them: cleaned, composed of title and body, cut into pieces.

Training reads its texts through the same functions, so what was learned is what is served.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

ADDRESS = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)

# No piece of a natural text spans this many characters on average, so cutting here loses nothing that
# the cut at max_tokens would have kept, and a 100,000-character body costs no more than a long one.
_CHARACTERS_PER_TOKEN = 32

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pieces:
    """One text as the network reads it.

    Attributes:
        ids: of its pieces, without padding.
        mentions: per mention the places of its pieces in `ids`; none where it lies behind the cut at max_tokens.
    """

    ids: list[int]
    mentions: tuple[tuple[int, ...], ...] = ()


def characters_read(max_tokens: int) -> int:
    """How much of a title or body is looked at at all, in characters."""
    return _CHARACTERS_PER_TOKEN * max_tokens


def clean(text: str) -> str:
    """The text without HTML entities, addresses, runs of white space, and halves of surrogate pairs.

    >>> clean("Fed &amp; ECB  hold https://t.co/x")
    'Fed & ECB hold'
    """
    whole = html.unescape(text).encode("utf-8", "replace").decode("utf-8")
    return " ".join(ADDRESS.sub(" ", whole).split())


def compose(title: str, body: str, max_tokens: int) -> str:
    """What is scored of a document: its title, then the beginning of its body.

    The title carries the judgement in most news; comments have no title and are scored by their body.

    >>> compose("Celsius pauses withdrawals", "The lender said ...", 96)
    'Celsius pauses withdrawals. The lender said ...'
    >>> compose("", "to the moon", 96)
    'to the moon'
    """
    budget = characters_read(max_tokens)
    head, rest = clean(title[:budget]), clean(body[:budget])
    return (head + joint(head, rest) + rest)[:budget]


def joint(head: str, rest: str) -> str:
    """What stands between a title and a body, both cleaned."""
    if not head or not rest:
        return ""
    return " " if head[-1] in ".!?…:。！？：" else ". "


class Encoder:
    """A tokenizer file at a fixed length: texts in, pieces out.

    Args:
        tokenizer: path of a `tokenizer.json`.
        max_tokens: ids per text at most, the two special pieces included.
        prefix: what the network was trained to read before every text.
    """

    def __init__(self, tokenizer: Path, max_tokens: int, prefix: str = "") -> None:
        self.max_tokens = max_tokens
        self._prefix = prefix
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    @property
    def vocabulary_size(self) -> int:
        """How many pieces the tokenizer knows."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, texts: Sequence[str], mentions: Sequence[Sequence[Sequence[Span]]] = ()) -> list[Pieces]:
        """Pieces per text, 2 to max_tokens each.

        Args:
            texts: cleaned.
            mentions: per text, per mention, its spans [start, end) in the text; empty where nothing is mentioned.
        """
        prefixed = [self._prefix + text for text in texts]
        if not any(mentions):
            return [Pieces(list(e.ids)) for e in self._tokenizer.encode_batch_fast(prefixed)]
        return [
            Pieces(list(e.ids), tuple(self._places(e.offsets, spans) for spans in own))
            for e, own in zip(self._tokenizer.encode_batch(prefixed), mentions, strict=True)
        ]

    def _places(self, offsets: Sequence[Span], spans: Sequence[Span]) -> tuple[int, ...]:
        shift = len(self._prefix)
        return tuple(
            place
            for place, (first, last) in enumerate(offsets)
            if any(max(first, start + shift) < min(last, end + shift) for start, end in spans)
        )
