"""Occlusion by worked examples on a model that adds up words, by laws, and on the shipped bundle."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.bundle import Bundle
from inference.encode import compose
from inference.highlight import PHRASES_MAX, UNITS_MAX, WEIGHT_MIN, highlight, runs_of, without

WEIGHTS = {"halts": 2.0, "fraud": 3.0, "not": 0.0, "profit": -2.0, "跌": 1.5, "停牌": 3.0}


def adds_up(text: str) -> dict[str, float] | None:
    """P(negative) from the sum of the weights of what stands in the text; nothing to say of an empty one."""
    if not text.strip():
        return None
    total = sum(weight for word, weight in WEIGHTS.items() if word in text)
    total += 4.0 * ("not profit" in text)  # two words that only together turn the meaning
    p = 1 / (1 + math.exp(-total))
    return {"negative": p, "positive": 1 - p}


def carried(text: str) -> list[str]:
    whole = adds_up(text)
    assert whole is not None
    (phrases,) = highlight([text], [whole], lambda texts: [adds_up(one) for one in texts])
    return [phrase.text for phrase in phrases]


def test_the_word_that_carries_the_decision_is_found() -> None:
    assert carried("Auditor finds fraud at the lender") == ["fraud"]


def test_what_speaks_against_the_decision_is_not_a_phrase() -> None:
    assert carried("fraud behind record profit") == ["fraud"]


def test_words_that_only_turn_the_meaning_together_are_one_phrase() -> None:
    assert carried("This is not profit") == ["not profit"]


def test_chinese_is_cut_without_spaces() -> None:
    assert carried("该公司今日停牌") == ["停牌"]


def test_mixed_scripts_and_signs_are_tried() -> None:
    tried = {text[start:end] for text in ["$TSLA暴跌, -5% 🚀🚀 AT&T"] for (start, end), _ in runs_of(text)}
    assert {"$TSLA", "暴跌", "-5%", "🚀🚀", "AT&T"} <= tried


def test_an_address_is_no_phrase() -> None:
    assert not list(runs_of("https://t.co/fraud www.example.org"))


def test_a_text_of_one_word_hangs_on_it_wholly() -> None:
    (phrases,) = highlight(["fraud"], [{"negative": 0.9, "positive": 0.1}], lambda texts: [None for _ in texts])
    assert [(phrase.text, phrase.weight) for phrase in phrases] == [("fraud", 0.9)]


def test_without_words_there_are_no_phrases_and_the_model_is_not_asked() -> None:
    def never(texts: Sequence[str]) -> list[Mapping[str, float] | None]:
        raise AssertionError(texts)

    assert highlight(["", "?!", "<" * 100_000], [{"negative": 1.0}] * 3, never) == [[], [], []]


@settings(max_examples=60)
@given(st.lists(st.text(alphabet=st.sampled_from("halts fraud profit not 跌停牌,. 🚀a$"), max_size=60), max_size=4))
def test_phrases_stand_where_they_say_do_not_overlap_and_come_heaviest_first(texts: list[str]) -> None:
    calls = []

    def ask(shorter: Sequence[str]) -> list[Mapping[str, float] | None]:
        calls.append(len(shorter))
        return [adds_up(text) for text in shorter]

    whole = [adds_up(text) or {"negative": 0.5, "positive": 0.5} for text in texts]
    for text, phrases in zip(texts, highlight(texts, whole, ask), strict=True):
        assert len(phrases) <= PHRASES_MAX
        assert [phrase.weight for phrase in phrases] == sorted((p.weight for p in phrases), reverse=True)
        assert all(WEIGHT_MIN <= phrase.weight <= 1 for phrase in phrases)
        assert all(text[phrase.start : phrase.end] == phrase.text for phrase in phrases)
        places = sorted((phrase.start, phrase.end) for phrase in phrases)
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
    assert len(calls) <= 2


@given(st.text(max_size=200))
def test_leaving_a_run_out_keeps_everything_else(text: str) -> None:
    for (start, end), _ in runs_of(text):
        left = re.sub(r"\s", "", text[:start] + text[end:])
        assert re.sub(r"\s", "", without(text, start, end)) == left


def test_the_model_is_asked_about_as_many_texts_as_there_are_words() -> None:
    asked = []

    def ask(shorter: Sequence[str]) -> list[Mapping[str, float] | None]:
        asked.extend(shorter)
        return [adds_up(text) for text in shorter]

    highlight(["word " * 30], [{"negative": 0.5}], ask)
    of_30 = len(asked)
    highlight(["word " * 20_000], [{"negative": 0.5}], ask)
    assert of_30 < 30 + 6 * 6
    assert len(asked) - of_30 < UNITS_MAX + 6 * 6


def test_the_shipped_bundle_says_which_words_were_bad_news(bundle: Bundle) -> None:
    def ask(texts: Sequence[str]) -> list[Mapping[str, float] | None]:
        return [answer.heads["sentiment"] for answer in bundle.engine.answer([compose(t, "", 96) for t in texts])]

    bankrupt, oil = highlight(
        texts := ["Lender files for bankruptcy", "Oil falls in quiet trading"], _said(ask(texts)), ask
    )
    assert "bankruptcy" in bankrupt[0].text
    assert "falls" in oil[0].text


def _said(answers: Sequence[Mapping[str, float] | None]) -> list[Mapping[str, float]]:
    return [answer for answer in answers if answer is not None]
