"""What a telling is compared by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text.story import BAND_BYTES, BODY_PAIRS, SAME, TITLE_TOKENS, likeness, telling

SAID = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [
            "the",
            "a",
            "Fed",
            "FTX",
            "75",
            "1.9",
            "billion",
            "bln",
            "rises",
            "falls",
            "恒大",
            "被",
            "立案",
            "的",
            "Monday",
            "said",
            "-",
            "|",
            "UPDATE",
            "1-",
        ]
    ),
    max_size=30,
).map(" ".join)


@given(SAID, SAID)
def test_any_text_can_be_told_within_bounds_and_is_most_like_itself(title: str, body: str) -> None:
    told = telling(title, body)
    if told is None:
        return
    assert len(told.features) <= 2 + 4 * TITLE_TOKENS + 3 * BODY_PAIRS
    assert 1 <= len(told.bands) <= 19
    assert {len(band) for band in told.bands} == {BAND_BYTES}
    assert likeness(told.features, told.features) == 1000


@given(SAID, SAID)
def test_likeness_is_the_same_both_ways(first: str, second: str) -> None:
    one, other = telling(first), telling(second)
    if one and other:
        assert 0 <= likeness(one.features, other.features) == likeness(other.features, one.features) <= 1000


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Wirecard misses 1.9 billion euros", "Wirecard misses 1.9 bln euros"),
        ("Wirecard misses 1,900 million euros", "Wirecard misses 1.9bn euros"),
        ("Tesla recalls cars", "UPDATE 2-Tesla recalls cars"),
        ("Tesla recalls cars", "Tesla recalls cars - sources"),
        ("隆基绿能拟裁员", "快讯：隆基绿能拟裁员"),
    ],
)
def test_wording_of_wires_makes_no_other_story(first: str, second: str) -> None:
    one, other = telling(first), telling(second)
    assert one
    assert other
    assert likeness(one.features, other.features) >= SAME


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Fed raises rates by 75 basis points", "Fed raises rates by 25 basis points"),
        ("Gold rises as dollar waits", "Gold falls as dollar waits"),
        ("Wall Street closes lower on Monday", "Wall Street closes lower on Thursday"),
        ("Bank of England holds an auction", "Bank of Canada holds an auction"),
    ],
)
def test_another_number_direction_day_or_subject_is_another_story(first: str, second: str) -> None:
    one, other = telling(first), telling(second)
    assert one
    assert other
    assert likeness(one.features, other.features) < SAME


@pytest.mark.parametrize(("title", "body"), [("", ""), ("!!!", ""), ("the", "the a the"), ("", "…")])
def test_a_text_that_says_nothing_has_nothing_to_compare(title: str, body: str) -> None:
    assert telling(title, body) is None
