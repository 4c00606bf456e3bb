"""The model without a model: a pure function of the text that a generator can steer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.deterministic import SENTIMENTS, TOPICS, deterministic_engine

ENGINE = deterministic_engine()


@given(st.lists(st.text(), max_size=20))
def test_an_answer_depends_on_its_text_alone(many: list[str]) -> None:
    again = deterministic_engine()
    assert [a.heads for a in ENGINE.answer(many)] == [again.answer([text])[0].heads for text in many]


@given(st.text())
def test_probabilities_sum_to_one(text: str) -> None:
    (answer,) = ENGINE.answer([text])
    assert [sum(labels.values()) for labels in answer.heads.values()] == [pytest.approx(1), pytest.approx(1)]


@given(st.text(), st.sampled_from(SENTIMENTS), st.sampled_from(TOPICS))
def test_a_directive_in_the_text_forces_the_answer(text: str, sentiment: str, topic: str) -> None:
    (answer,) = ENGINE.answer([f"{text} [[{sentiment}]] [[topic:{topic}]]".replace("[[[", "[ [[")])
    assert answer.heads["sentiment"][sentiment] > 0.9
    assert answer.heads["topic"][topic] > 0.8


def test_a_directive_without_a_known_label_forces_nothing() -> None:
    (answer,) = ENGINE.answer(["[[topic:weather]] [[angry]]"])
    assert max(answer.heads["sentiment"].values()) < 0.99


def test_texts_without_a_directive_spread_over_all_labels() -> None:
    answers = ENGINE.answer([f"text {n}" for n in range(500)])
    for head, labels in (("sentiment", SENTIMENTS), ("topic", TOPICS)):
        assert {max(a.heads[head], key=lambda k: a.heads[head][k]) for a in answers} == set(labels)
