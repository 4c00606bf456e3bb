"""Texts in, calibrated probabilities out: encode, batch, run, decode.

1. encode every text (`Encodes`)
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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Ids = NDArray[np.int64]
Probabilities = dict[str, float]

BATCH_TOKENS = 1024


class Encodes(Protocol):
    """Text to piece ids. `inference.encode.Encoder` is the real one."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids per text, at least one each, without padding."""


class Session(Protocol):
    """A network that is loaded and ready to run. `inference.session.OnnxSession` is the real one."""

    def run(self, ids: Ids, mask: Ids) -> Mapping[str, Logits]:
        """Ids and mask of shape (texts, tokens) to logits of shape (texts, labels) per head."""


@dataclass(frozen=True, slots=True)
class HeadLabels:
    """A head's name, its labels in the order of its logits, and the temperature that calibrates it."""

    name: str
    labels: tuple[str, ...]
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one text.

    Attributes:
        heads: head -> label -> probability; each head's sum to 1.
        tokenise_us: how long the call that encoded this text took, microseconds.
        infer_us: how long the run that held this text took, microseconds.
    """

    heads: Mapping[str, Probabilities]
    tokenise_us: int
    infer_us: int


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

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """One answer per text, in the order of the texts."""
        if not texts:
            return []
        started = self._ticks_ns()
        ids = self._encoder.encode(texts)
        tokenise_us = (self._ticks_ns() - started) // 1000
        answers: list[Answer | None] = [None] * len(texts)
        for places in token_batches([len(row) for row in ids], self._batch_tokens):
            started = self._ticks_ns()
            logits = self._session.run(*pad([ids[place] for place in places]))
            infer_us = (self._ticks_ns() - started) // 1000
            by_head = {head.name: calibrated(logits[head.name], head.temperature) for head in self._heads}
            for row, place in enumerate(places):
                said = {h.name: dict(zip(h.labels, by_head[h.name][row].tolist(), strict=True)) for h in self._heads}
                answers[place] = Answer(said, tokenise_us, infer_us)
        return [answer for answer in answers if answer is not None]


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of texts, shortest first, cut so that texts x longest <= budget; every place occurs once.

    >>> list(token_batches([5, 2, 9, 2], budget=10))
    [[1, 3], [0], [2]]
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda p: lengths[p]):
        if batch and (len(batch) + 1) * lengths[place] > budget:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def pad(ids: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Ids of unequal length as (ids, mask) of shape (texts, longest); padding is id 0, mask 0."""
    longest = max(len(row) for row in ids)
    padded = np.zeros((len(ids), longest), dtype=np.int64)
    mask = np.zeros((len(ids), longest), dtype=np.int64)
    for place, row in enumerate(ids):
        padded[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return padded, mask


def calibrated(logits: Logits, temperature: float) -> NDArray[np.float64]:
    """Softmax of logits / temperature over the last axis (Guo et al. 2017)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    grown = np.exp(scaled)
    out: NDArray[np.float64] = grown / grown.sum(axis=-1, keepdims=True)
    return out
