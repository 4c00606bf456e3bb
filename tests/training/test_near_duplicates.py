"""Texts that nearly repeat others are found, and only they."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.near_duplicates import LENSES, Comparison, jaccard, runs, words

pytestmark = pytest.mark.train

WORDS = [
    f"{a}{b}" for a in ("al", "be", "cor", "du", "fen", "gri") for b in ("ta", "mo", "kel", "rin", "zu", "pas", "won")
]


def repeated(texts: list[str], others: list[str]) -> dict[int, int]:
    places = range(len(texts)), range(len(texts), len(texts) + len(others))
    found = Comparison(texts + others).near_duplicates(*places)
    return {a: b - len(texts) for a, b in found.items()}


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Oil FALLS on weak demand, says IEA https://t.co/a1", "oil falls on weak demand says IEA"),
        (
            "Chile's central bank announces plans to support the nation's currency after it plummeted",
            "Chile's central bank announced plans to support the nation's currency after it plummeted",
        ),
        ("Uflex Q3 profit jumps 47.22% to Rs 53 crore", "Uflex Q3 profit jumps 47.22 per cent to Rs 53 crore"),
        ("快讯：港股开盘走低，恒指跌1.2%，快手挫逾5%领跌蓝筹", "港股开盘走低，恒指跌1.2%，快手挫逾5%领跌蓝筹股"),
    ],
)
def test_the_same_news_in_nearly_the_same_words_is_a_near_duplicate(text: str, other: str) -> None:
    assert repeated(["gold is quiet", text], ["something else altogether", other]) == {1: 1}


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Oil falls on weak demand", "Oil jumps after OPEC cuts output by a million barrels"),
        ("宁德时代发布新电池", "比亚迪召回三万辆电动车"),
        ("", ""),
        ("\N{ROCKET}", "\N{BEAR FACE}"),
    ],
)
def test_other_news_is_none(text: str, other: str) -> None:
    assert repeated([text], [other]) == {}


def test_of_several_others_the_most_similar_is_named() -> None:
    text = "Tesla recalls two million cars over autopilot safety worries in the United States"
    near, nearer = text.replace("two million", "2m"), text.replace("worries", "concerns")
    assert repeated([text], ["Gold", near, nearer]) == {0: 2}


def test_nothing_is_missed_that_comparing_every_pair_finds() -> None:
    rng = random.Random(5)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(4, 14))) for _ in range(150)]
    for text in texts[:100]:
        changed = [rng.choice(WORDS) if rng.random() < 0.2 else word for word in text.split()]
        texts.append(" ".join(changed))
    first, second = texts[:150], texts[150:]
    pairs = {
        a
        for a, one in enumerate(first)
        for other in second
        if any(jaccard(lens.parts(one), lens.parts(other)) >= lens.threshold for lens in LENSES)
    }
    assert 40 < len(pairs) < 150
    assert set(repeated(first, second)) == pairs


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_a_text_with_words_repeats_itself_whatever_its_case(text: str) -> None:
    upper = text.upper()
    if words(text) & words(upper) == words(text) != set() and re.search(r"\w", text):
        assert repeated([text], [upper]) == {0: 0}


def test_runs_are_five_characters_and_two_in_chinese() -> None:
    assert runs("Gold: UP") == {"gold ", "old u", "ld up"}
    assert runs("金价上涨") == {"金价", "价上", "上涨"}
    assert runs("") == set()
