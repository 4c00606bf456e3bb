"""A model without a model: fast, and a pure function of the text. For chaos runs and tests of the flow.

It stands behind the same two ports as the real one, so engine, scoring and shells cannot tell. A generator forces
an answer by writing it into the text: `[[negative]]`, `[[topic:politics]]`. Chosen by `bundle = "deterministic"`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from contracts.messages import Sentiment, Topic
from inference.encode import Pieces
from inference.engine import Engine, HeadLabels, Ids, Logits, Mentions, Padded

NAME = "deterministic"
SENTIMENTS: tuple[str, ...] = get_args(Sentiment)
TOPICS: tuple[str, ...] = get_args(Topic)

_DIRECTIVE = re.compile(r"\[\[(?:topic:)?(\w+)\]\]")
_FORCED = 6.0  # a logit that leaves the others under one per cent


class DeterministicEncoder:
    """A text as 2 ids per head: a 31-bit hash, and 1 + the place of the label that the text forces (0 = none)."""

    def encode(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> list[Pieces]:
        """Four ids per text: sentiment's hash and directive, topic's hash and directive."""
        return [Pieces(self._ids(text)) for text in texts]

    def _ids(self, text: str) -> list[int]:
        digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
        said = set(_DIRECTIVE.findall(text))
        forced = [next((n for n, label in enumerate(labels, 1) if label in said), 0) for labels in (SENTIMENTS, TOPICS)]
        halves = int.from_bytes(digest[:4]) >> 1, int.from_bytes(digest[4:]) >> 1
        return [halves[0], forced[0], halves[1], forced[1]]


class DeterministicSession:
    """Logits in -2..2 drawn from the hash, with the forced label raised far above them."""

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        """Logits per head for ids of shape (texts, 4)."""
        ids = batch.input_ids
        return {
            "sentiment": self._logits(ids[:, 0:2], len(SENTIMENTS)),
            "topic": self._logits(ids[:, 2:4], len(TOPICS)),
        }

    def _logits(self, hash_and_forced: Ids, labels: int) -> Logits:
        drawn = (hash_and_forced[:, :1] * np.arange(3, 3 + labels)) % 1009 / 1009 * 4 - 2
        forced = hash_and_forced[:, 1:] == np.arange(1, labels + 1)
        return np.where(forced, _FORCED, drawn).astype(np.float32)


def deterministic_engine() -> Engine:
    """The engine that `bundle = "deterministic"` stands for."""
    heads = [HeadLabels("sentiment", SENTIMENTS), HeadLabels("topic", TOPICS)]
    return Engine(DeterministicEncoder(), DeterministicSession(), heads)
