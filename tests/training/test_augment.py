"""A text told otherwise still says of everyone in it what it said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.augment import aliases_of, augmented, joined, recased, renamed
from training.config import Augmentation
from training.dataset import Example, Mention

pytestmark = pytest.mark.train

ROW = Example(
    "oil falls, gold wins", "train", "x", "a", {"mood": 0}, (Mention(0, 3, {"who": 0}), Mention(11, 15, {"who": 2}))
)
OTHER = Example("tin waits", "train", "x", "a", {"mood": 1}, (Mention(0, 3, {"who": 1}),))


def said(e: Example) -> list[tuple[str, dict[str, int]]]:
    return [(e.text[m.start : m.end], dict(m.targets)) for m in e.mentions]


def test_a_swapped_name_takes_the_label_of_the_one_it_replaces() -> None:
    told = renamed(ROW, {"oil": "copper", "gold": "tin"}.__getitem__)
    assert told.text == "copper falls, tin wins"
    assert said(told) == [("copper", {"who": 0}), ("tin", {"who": 2})]
    assert told.targets == ROW.targets


def test_names_that_overlap_are_left_alone() -> None:
    row = Example("Bank of America up", "train", "x", "a", {}, (Mention(0, 15, {"who": 2}), Mention(8, 15, {"who": 1})))
    assert renamed(row, lambda _: "tin") is row


def test_two_texts_in_one_keep_their_mentions_and_only_the_labels_they_share() -> None:
    told = joined(ROW, OTHER)
    assert said(told) == [("oil", {"who": 0}), ("gold", {"who": 2}), ("tin", {"who": 1})]
    assert told.targets == {}
    assert joined(ROW, ROW).targets == {"mood": 0}


def test_casing_that_would_move_a_mention_is_not_applied() -> None:
    sharp = Example("Weiß sells", "train", "x", "a")
    assert recased(sharp, lower=False) is sharp
    assert recased(ROW, lower=False).text == "OIL FALLS, GOLD WINS"


@given(st.integers(0, 1000), *[st.floats(0, 1)] * 4)
def test_as_many_come_out_as_go_in_and_every_mention_is_inside_its_text(
    seed: int, entity: float, alias: float, casing: float, mixing: float
) -> None:
    how = Augmentation(entity_swap=entity, alias_swap=alias, casing=casing, mixing=mixing)
    told = augmented([ROW, OTHER] * 3, how, {"oil": ["crude"]}, seed)
    assert len(told) == 6
    assert told == augmented([ROW, OTHER] * 3, how, {"oil": ["crude"]}, seed)
    names = {"oil", "gold", "tin", "crude"}
    assert all(e.text[m.start : m.end].lower() in names for e in told for m in e.mentions)


def test_a_watchlist_says_what_else_an_entity_is_called(tmp_path: Path) -> None:
    path = tmp_path / "watchlist.yaml"
    path.write_text("- {id: tesla, name: Tesla, tickers: [TSLA], aliases: [Tesla Motors]}\n- {id: oil, name: oil}\n")
    assert aliases_of(path) == {
        "Tesla": ["Tesla Motors", "$TSLA"],
        "Tesla Motors": ["Tesla", "$TSLA"],
        "$TSLA": ["Tesla", "Tesla Motors"],
    }
