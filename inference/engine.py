"""Texts in, calibrated probabilities out: encode, batch, run, decode.

1. encode every text and find the pieces of its mentions (`Encodes`)
2. sort by length and cut into batches by a budget of padded tokens
3. run each batch (`Session`)
4. divide the logits by the head's temperature, softmax, and hand the answers back in the order asked

A session whose rows do not depend on their neighbours makes the answers independent of batching; the shipped int8
files quantise each token by itself for that reason (training/quantise.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.encode import Pieces, Span

Logits = NDArray[np.float32]
Ids = NDArray[np.int64]
Probabilities = dict[str, float]
Mentions = Sequence[Sequence[Span]]  # of one text: per mention its spans [start, end)

BATCH_TOKENS = 1024


MENTION_ROWS = 0.125  # what a mention costs beside a text: its states are copied and averaged, not computed


class Padded(NamedTuple):
    """What a session reads, all int64.

    Attributes:
        input_ids: (texts, tokens), padded with 0.
        attention_mask: (texts, tokens), 1 where a piece is.
        mention_mask: (mentions, tokens), 1 on the mention's pieces; there may be no mentions.
        mention_text: (mentions,), the row of the text that mentions it.
    """

    input_ids: Ids
    attention_mask: Ids
    mention_mask: Ids
    mention_text: Ids


class Encodes(Protocol):
    """Texts to pieces. `inference.encode.Encoder` is the real one."""

    def encode(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> list[Pieces]:
        """Pieces per text, at least one each, and those of its mentions."""


class Session(Protocol):
    """A network that is loaded and ready to run. `inference.session.OnnxSession` is the real one."""

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        """Logits per head: (texts, labels), or (mentions, labels) from a head that reads mentions."""


@dataclass(frozen=True, slots=True)
class HeadLabels:
    """A head's name, its labels in the order of its logits, the temperature that calibrates it, and what it reads."""

    name: str
    labels: tuple[str, ...]
    temperature: float = 1.0
    reads: Literal["text", "mention"] = "text"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one text.

    Attributes:
        heads: head that reads the text -> label -> probability; each head's sum to 1.
        tokenise_us: how long the call that encoded this text took, microseconds.
        infer_us: how long the run that held this text took, microseconds.
        mentions: per mention, head that reads mentions -> label -> probability; None where the mention lies behind the
            cut or no head reads mentions.
    """

    heads: Mapping[str, Probabilities]
    tokenise_us: int
    infer_us: int
    mentions: Sequence[Mapping[str, Probabilities] | None] = ()


class Engine:
    """One encoder and one session.

    Args:
        batch_tokens: padded tokens a run may hold; a single text may exceed it.
        ticks_ns: a monotonic clock in nanoseconds, for the times in the answers.
    """

    def __init__(
        self,
        encoder: Encodes,
        session: Session,
        heads: Sequence[HeadLabels],
        *,
        batch_tokens: int = BATCH_TOKENS,
        ticks_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._encoder = encoder
        self._session = session
        self._heads = tuple(heads)
        self._batch_tokens = batch_tokens
        self._ticks_ns = ticks_ns

    @property
    def provider(self) -> str:
        """What runs the network: an execution provider's name, or the session's own."""
        return str(getattr(self._session, "provider", type(self._session).__name__))

    def answer(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> list[Answer]:
        """One answer per text, in the order of the texts.

        Args:
            texts: cleaned.
            mentions: per text, per mention its spans in the text; empty where nothing is mentioned.
        """
        answers: list[Answer | None] = [None] * len(texts)
        for run in self.runs(texts, mentions):
            for place, answer in run:
                answers[place] = answer
        return [answer for answer in answers if answer is not None]

    def runs(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> Iterator[list[tuple[int, Answer]]]:
        """The same, one run of the network at a time: (place, answer) of the texts it held, so that models can take turns."""
        if not texts:
            return
        started = self._ticks_ns()
        pieces = self._encoder.encode(texts, mentions if self._reads_mentions else ())
        tokenise_us = (self._ticks_ns() - started) // 1000
        asked = [len(own) for own in mentions] if mentions else [0] * len(texts)
        rows = [1 + MENTION_ROWS * len(p.mentions) for p in pieces]
        for places in token_batches([len(p.ids) for p in pieces], self._batch_tokens, rows):
            started = self._ticks_ns()
            logits = self._session.run(pad([pieces[place] for place in places]))
            infer_us = (self._ticks_ns() - started) // 1000
            by_head = {h.name: _named(calibrated(logits[h.name], h.temperature), h.labels) for h in self._heads}
            read = iter(range(sum(1 for place in places for own in pieces[place].mentions if own)))
            run = []
            for row, place in enumerate(places):
                said = {h.name: by_head[h.name][row] for h in self._heads if h.reads == "text"}
                of_mentions = [
                    self._of_mention(by_head, next(read)) if own else None for own in pieces[place].mentions
                ] or [None] * asked[place]
                run.append((place, Answer(said, tokenise_us, infer_us, of_mentions)))
            yield run

    @property
    def _reads_mentions(self) -> bool:
        return any(head.reads == "mention" for head in self._heads)

    def _of_mention(self, by_head: Mapping[str, list[Probabilities]], row: int) -> dict[str, Probabilities]:
        return {h.name: by_head[h.name][row] for h in self._heads if h.reads == "mention"}


def _named(probabilities: NDArray[np.float64], labels: Sequence[str]) -> list[Probabilities]:
    return [dict(zip(labels, row, strict=True)) for row in probabilities.tolist()]


def token_batches(lengths: Sequence[int], budget: int, rows: Sequence[float] | None = None) -> Iterator[list[int]]:
    """Places of texts, shortest first, cut so that rows x longest <= budget; every place occurs once.

    Args:
        lengths: of the texts, in tokens.
        budget: padded tokens of a batch; a single text may exceed it.
        rows: what each text counts, 1 where it is not given.

    >>> list(token_batches([5, 2, 9, 2], budget=10))
    [[1, 3], [0], [2]]
    """
    batch: list[int] = []
    held = 0.0
    for place in sorted(range(len(lengths)), key=lambda p: lengths[p]):
        own = rows[place] if rows else 1
        if batch and (held + own) * lengths[place] > budget:
            yield batch
            batch, held = [], 0.0
        batch.append(place)
        held += own
    if batch:
        yield batch


def pad(pieces: Sequence[Pieces]) -> Padded:
    """Pieces of unequal length as a session reads them; mentions without pieces are left out."""
    longest = max(len(p.ids) for p in pieces)
    ids = np.zeros((len(pieces), longest), dtype=np.int64)
    mask = np.zeros((len(pieces), longest), dtype=np.int64)
    mentioned = [(row, own) for row, p in enumerate(pieces) for own in p.mentions if own]
    mention_mask = np.zeros((len(mentioned), longest), dtype=np.int64)
    for row, p in enumerate(pieces):
        ids[row, : len(p.ids)] = p.ids
        mask[row, : len(p.ids)] = 1
    for row, (_, own) in enumerate(mentioned):
        mention_mask[row, list(own)] = 1
    return Padded(ids, mask, mention_mask, np.array([row for row, _ in mentioned], dtype=np.int64))


def calibrated(logits: Logits, temperature: float) -> NDArray[np.float64]:
    """Softmax of logits / temperature over the last axis (Guo et al. 2017)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    grown = np.exp(scaled)
    out: NDArray[np.float64] = grown / grown.sum(axis=-1, keepdims=True)
    return out
