"""What of a document the model reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.bundle import TOKENIZER, shipped
from inference.encode import Encoder, clean, compose


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(shipped("en") / TOKENIZER, 32)


def test_entities_addresses_and_white_space_are_cleaned_away() -> None:
    assert clean("Profit &amp; loss\n at  www.example.com https://t.co/a1 &#39;ok&#39;") == "Profit & loss at 'ok'"


@pytest.mark.parametrize(
    ("title", "body", "composed"),
    [
        ("Oil falls", "Brent lost 3%.", "Oil falls. Brent lost 3%."),
        ("Will oil fall?", "Brent lost 3%.", "Will oil fall? Brent lost 3%."),
        ("油价下跌。", "布伦特跌3%。", "油价下跌。 布伦特跌3%。"),
        ("Oil falls", "", "Oil falls"),
        ("", "to the moon", "to the moon"),
        ("", "", ""),
    ],
)
def test_the_title_comes_first_and_the_body_follows(title: str, body: str, composed: str) -> None:
    assert compose(title, body, 96) == composed


@given(st.text(max_size=300), st.text(max_size=300))
def test_what_is_composed_is_bounded(title: str, body: str) -> None:
    assert len(compose(title * 50, body * 50, 8)) <= 8 * 32


@given(st.text(max_size=500))
def test_cleaning_leaves_no_runs_of_white_space(text: str) -> None:
    assert clean(text) == " ".join(clean(text).split())


def test_ids_are_cut_at_the_limit_and_end_as_they_should(encoder: Encoder) -> None:
    short, long = encoder.encode(["oil", "oil " * 500])
    assert (len(short.ids), len(long.ids)) == (3, 32)
    assert (long.ids[0], long.ids[-1]) == (short.ids[0], short.ids[-1])


def test_a_long_text_and_its_beginning_give_the_same_ids(encoder: Encoder) -> None:
    text = "the company reported results " * 4000
    assert encoder.encode([compose("", text, 32)]) == encoder.encode([text])


def test_a_mention_s_pieces_are_those_that_its_spans_touch(encoder: Encoder) -> None:
    (pieces,) = encoder.encode(["Coinbase and then Coinbase"], [[[(0, 8), (18, 26)], [(9, 12)]]])
    first, second = pieces.mentions
    (plain,) = encoder.encode(["Coinbase"])
    assert [pieces.ids[place] for place in first] == plain.ids[1:-1] * 2
    assert len(second) == 1
    assert not set(first) & set(second)


def test_a_mention_behind_the_cut_has_no_pieces(encoder: Encoder) -> None:
    text = "oil " * 100 + "FTX"
    (pieces,) = encoder.encode([text], [[[(len(text) - 3, len(text))], [(0, 3)]]])
    assert pieces.mentions == ((), (1,))


def test_the_prefix_stands_before_the_text_and_shifts_its_mentions() -> None:
    path = shipped("en") / TOKENIZER
    (plain,) = Encoder(path, 32).encode(["oil falls"], [[[(4, 9)]]])
    (prefixed,) = Encoder(path, 32, "query: ").encode(["oil falls"], [[[(4, 9)]]])
    assert [prefixed.ids[place] for place in prefixed.mentions[0]] == [plain.ids[place] for place in plain.mentions[0]]
    assert prefixed.mentions[0][0] > plain.mentions[0][0]
