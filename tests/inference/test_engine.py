"""Batches are a matter of speed: they change neither an answer nor its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.bundle import Bundle, load_bundle
from inference.encode import Pieces
from inference.engine import Answer, Engine, HeadLabels, Logits, Mentions, Padded, calibrated, pad, token_batches

HEADLINES = [
    "FTX halts withdrawals",
    "Crypto lender Celsius pauses withdrawals, transfers between accounts, citing extreme market conditions",
    "Ether rises",
    "Ethereum completes the Merge, moving to proof of stake after years of work by developers around the world",
    "Apple beats estimates on strong iPhone sales and raises its dividend",
    "Fed holds rates",
    "Voyager files for bankruptcy",
    "$TSLA up 4%",
] + [f"Company {n} reports quarterly results " + "and more " * n for n in range(40)]


class LettersEncoder:
    """A text as the codes of its letters; letters behind the 40th are cut."""

    def encode(self, texts: Sequence[str], mentions: Sequence[Mentions] = ()) -> list[Pieces]:
        asked = mentions or [()] * len(texts)
        return [
            Pieces(
                [ord(letter) for letter in text[:40]],
                tuple(tuple(n for start, end in spans for n in range(start, min(end, len(text), 40))) for spans in own),
            )
            for text, own in zip(texts, asked, strict=True)
        ]


class SumSession:
    """Logits that say how large a text's or a mention's ids are in sum; remembers the shapes it ran."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        self.shapes.append(batch.input_ids.shape)
        own = batch.input_ids[batch.mention_text] * batch.mention_mask
        return {"parity": self._logits(batch.input_ids * batch.attention_mask), "mention": self._logits(own)}

    @staticmethod
    def _logits(ids: np.ndarray) -> Logits:
        total = ids.sum(axis=1) % 7
        return np.stack([total, -total], axis=1).astype(np.float32)


def engine_of(session: SumSession, batch_tokens: int = 32) -> Engine:
    heads = [HeadLabels("parity", ("odd", "even")), HeadLabels("mention", ("odd", "even"), reads="mention")]
    return Engine(LettersEncoder(), session, heads, batch_tokens=batch_tokens)


def largest_gap(some: Sequence[Answer], others: Sequence[Answer]) -> float:
    return max(
        abs(p - other.heads[head][label])
        for one, other in zip(some, others, strict=True)
        for head, labels in one.heads.items()
        for label, p in labels.items()
    )


texts = st.lists(st.text(min_size=1, max_size=40), max_size=30)


@given(texts)
def test_many_at_once_are_answered_as_each_alone(many: list[str]) -> None:
    engine = engine_of(SumSession())
    together = [answer.heads for answer in engine.answer(many)]
    assert together == [engine.answer([text])[0].heads for text in many]


mentioning = st.lists(
    st.tuples(st.text(min_size=1, max_size=60), st.lists(st.tuples(st.integers(0, 59), st.integers(1, 9)), max_size=4)),
    max_size=20,
)


@given(mentioning, st.integers(8, 400))
def test_a_mention_is_answered_as_if_its_text_were_alone(
    many: list[tuple[str, list[tuple[int, int]]]], budget: int
) -> None:
    texts_ = [text for text, _ in many]
    mentions = [[[(start, start + length)] for start, length in own] for _, own in many]
    for place, answer in enumerate(engine_of(SumSession(), budget).answer(texts_, mentions)):
        (alone,) = engine_of(SumSession()).answer([texts_[place]], [mentions[place]])
        assert list(answer.mentions) == list(alone.mentions)
        seen = [start < min(len(texts_[place]), 40) for ((start, _),) in mentions[place]]
        assert [said is not None for said in answer.mentions] == seen


def test_mentions_without_a_head_that_reads_them_are_not_answered() -> None:
    engine = Engine(LettersEncoder(), SumSession(), [HeadLabels("parity", ("odd", "even"))])
    (answer,) = engine.answer(["abc"], [[[(0, 1)], [(1, 2)]]])
    assert list(answer.mentions) == [None, None]


def test_padding_keeps_texts_and_mentions_apart() -> None:
    padded = pad([Pieces([5, 6, 7], ((1, 2), ())), Pieces([8], ((0,),))])
    assert padded.input_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert padded.attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert padded.mention_mask.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert padded.mention_text.tolist() == [0, 1]


@given(texts)
def test_no_batch_exceeds_the_budget_unless_it_is_one_text(many: list[str]) -> None:
    session = SumSession()
    engine_of(session, batch_tokens=32).answer(many)
    assert all(rows * tokens <= 32 or rows == 1 for rows, tokens in session.shapes)


@given(st.lists(st.integers(1, 200)), st.integers(1, 2000))
def test_every_text_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    places = [place for batch in token_batches(lengths, budget) for place in batch]
    assert sorted(places) == list(range(len(lengths)))


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=14), st.floats(0.25, 4))
def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits(logits: list[float], temperature: float) -> None:
    row = np.array([logits], dtype=np.float32)
    probabilities = calibrated(row, temperature)[0]
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[int(row[0].argmax())] == probabilities.max()


def test_nothing_to_score_is_answered_with_nothing() -> None:
    assert engine_of(SumSession()).answer([]) == []


def test_every_answer_says_how_long_it_took() -> None:
    ticks = iter(range(0, 10_000_000, 5_000))
    session = SumSession()
    heads = [HeadLabels("parity", ("odd", "even"))]
    engine = Engine(LettersEncoder(), session, heads, batch_tokens=4, ticks_ns=lambda: next(ticks))
    assert {(a.tokenise_us, a.infer_us) for a in engine.answer(["abc", "abcd", "ab"])} == {(5, 5)}


def test_the_shipped_network_answers_a_batch_as_it_answers_each_text_alone(bundle: Bundle) -> None:
    alone = [bundle.engine.answer([text])[0] for text in HEADLINES]
    assert largest_gap(bundle.engine.answer(HEADLINES), alone) < 1e-4


def test_neighbours_of_another_length_do_not_change_the_shipped_network_s_answers(bundle: Bundle) -> None:
    alone = [bundle.engine.answer([text])[0] for text in HEADLINES[:8]]
    wide = load_bundle(bundle.folder, batch_tokens=100_000)
    padded = wide.engine.answer([*HEADLINES[:8], "a text that goes on " * 60])
    assert largest_gap(padded[:8], alone) < 1e-4


def test_the_order_of_the_texts_does_not_matter(bundle: Bundle) -> None:
    forwards = bundle.engine.answer(HEADLINES)
    assert largest_gap(bundle.engine.answer(HEADLINES[::-1])[::-1], forwards) < 1e-4
