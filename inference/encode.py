"""A document's words as the model reads them: cleaned, composed of title and body, cut into pieces.

Training reads its texts through the same functions, so what was learned is what is served.
"""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

_URL = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)

# No piece of a natural text spans this many characters on average, so cutting here loses nothing that
# the cut at max_tokens would have kept, and a 100,000-character body costs no more than a long one.
_CHARACTERS_PER_TOKEN = 32


def clean(text: str) -> str:
    """The text without HTML entities, addresses, runs of white space, and halves of surrogate pairs.

    >>> clean("Fed &amp; ECB  hold https://t.co/x")
    'Fed & ECB hold'
    """
    whole = html.unescape(text).encode("utf-8", "replace").decode("utf-8")
    return " ".join(_URL.sub(" ", whole).split())


def compose(title: str, body: str, max_tokens: int) -> str:
    """What is scored of a document: its title, then the beginning of its body.

    The title carries the judgement in most news; comments have no title and are scored by their body.

    >>> compose("Celsius pauses withdrawals", "The lender said ...", 96)
    'Celsius pauses withdrawals. The lender said ...'
    >>> compose("", "to the moon", 96)
    'to the moon'
    """
    budget = _CHARACTERS_PER_TOKEN * max_tokens
    head, rest = clean(title[:budget]), clean(body[:budget])
    if not head or not rest:
        return (head or rest)[:budget]
    joint = " " if head[-1] in ".!?…:" else ". "
    return (head + joint + rest)[:budget]


class Encoder:
    """A tokenizer file at a fixed length: texts in, piece ids out.

    Args:
        tokenizer: path of a `tokenizer.json`.
        max_tokens: ids per text at most, the two special pieces included.
    """

    def __init__(self, tokenizer: Path, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    @property
    def vocabulary_size(self) -> int:
        """How many pieces the tokenizer knows."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Piece ids per text, each 2 to max_tokens long, without padding."""
        return [list(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts))]
