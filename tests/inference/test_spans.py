"""A mention is followed from the document to the text that the model reads, or known to be lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.encode import clean, compose
from inference.spans import _followed, compose_with_mentions

messy = st.lists(
    st.sampled_from(
        [*"ab <&;#x3", "&amp;", "&#39;", "&lt", "\u00a0", "\n", "\ud800", "https://t.co/a ", "www.x ", "株", "🚀"]
    ),
    max_size=40,
).map("".join)


@given(messy)
def test_every_character_that_is_kept_knows_where_it_came_from(text: str) -> None:
    cleaned, origins = _followed(text)
    assert cleaned == clean(text)
    assert len(origins) == len(cleaned)
    assert list(origins) == sorted(origins)


@given(messy, messy, st.integers(8, 40))
def test_composing_with_mentions_composes_the_same_text(title: str, body: str, max_tokens: int) -> None:
    assert compose_with_mentions(title, body, max_tokens, []).text == compose(title, body, max_tokens)


@given(messy, messy, st.sampled_from(["Tesla", "京东", "J.P. Morgan"]), messy, messy)
def test_a_name_is_found_where_it_went(before: str, after: str, name: str, left: str, right: str) -> None:
    title, body = f"{before} {name} {after}", f"{left} {name} {right}"
    second = len(title) + 1 + len(left) + 1
    spans = [(len(before) + 1, len(before) + 1 + len(name)), (second, second + len(name))]
    composed = compose_with_mentions(title, body, 96, [spans])
    assert [composed.text[start:end] for start, end in composed.mentions[0]] == [name, name]


@pytest.mark.parametrize(
    ("title", "body", "spans"),
    [
        ("x" * 4000, "", [(3990, 3993)]),
        ("Fed", "y" * 4000, [(4000, 4004)]),
        ("read https://t.co/FTX", "", [(18, 21)]),
        ("Oil", "falls", [(1, 6)]),
        ("Oil", "", [(5, 9)]),
        ("a" * 254 + " FTX", "", [(255, 258)]),
    ],
    ids=["far title", "far body", "address", "across", "beyond", "partly cut"],
)
def test_a_mention_in_what_is_cut_away_is_lost(title: str, body: str, spans: list[tuple[int, int]]) -> None:
    assert compose_with_mentions(title, body, 8, [spans]).mentions == ((),)


def test_a_hundred_thousand_characters_are_followed_at_once() -> None:
    text = "&amp; FTX " * 10_000
    composed = compose_with_mentions(text, text, 96, [[(6, 9)], [(90_000, 90_003)]])
    assert composed.text[slice(*composed.mentions[0][0])] == "FTX"
    assert composed.mentions[1] == ()
