"""One row per text, no contradiction, nothing that repeats what measures."""

from __future__ import annotations

from collections import Counter

import pytest

from training.leak_free import LeftOut, leak_free, merged
from training.rows import Row, content_sha256, mentions_of

pytestmark = pytest.mark.train

NEWS = "Tesla recalls two million cars over autopilot safety worries in the United States"
REWORDED = NEWS.replace("worries", "concerns")


def row(text: str, split: str = "train", source: str = "a", **known: object) -> Row:
    labels = known or {"sentiment": "negative"}
    return Row(text, "en", source, "MIT", split, **labels)  # type: ignore[arg-type]


def named(text: str, source: str = "b", split: str = "train", **labels: str) -> Row:
    return Row(text, "en", source, "MIT", split, mentions=mentions_of(labels, text))


def snapshot(*rows: Row, held_out: dict[str, list[str]] | None = None) -> tuple[list[Row], dict[str, int]]:
    left_out = LeftOut()
    kept = leak_free(merged(rows, left_out), held_out or {}, left_out)
    why = Counter[str]()
    for (_, _, reason), count in left_out.rows.items():
        why[reason] += count
    return kept, dict(why)


def test_what_two_sets_know_of_a_text_becomes_one_row() -> None:
    (kept,), _ = snapshot(
        row("Tesla falls"),
        named("Tesla falls", Tesla="negative"),
        row("Tesla falls", "train", "c", topic="market_moves"),
    )
    assert (kept.sentiment, kept.topic, [m.name for m in kept.mentions], kept.source) == (
        "negative",
        "market_moves",
        ["Tesla"],
        "a+b+c",
    )


def test_a_label_that_two_rows_contradict_is_dropped_and_the_rest_stays() -> None:
    kept, why = snapshot(
        row("Tesla falls"),
        row("TESLA falls!", sentiment="positive", topic="market_moves"),
        row("Gold"),
        row("gold", sentiment="neutral"),
    )
    assert [(one.text, one.sentiment, one.topic) for one in kept] == [("Tesla falls", None, "market_moves")]
    assert why == {"contradicting labels": 1}


def test_a_name_that_two_rows_label_differently_is_dropped_and_the_others_stay() -> None:
    text = "Tesla sues Apple"
    (kept,), _ = snapshot(
        named(text, Tesla="neutral", Apple="negative"), named(text, Tesla="positive", Apple="negative")
    )
    assert [(m.name, m.start, m.label) for m in kept.mentions] == [("Apple", 11, "negative")]


@pytest.mark.parametrize("split", ["train", "valid"])
def test_what_nearly_repeats_a_test_text_of_any_set_neither_trains_nor_validates(split: str) -> None:
    kept, why = snapshot(
        row(NEWS, "test", "b", topic="legal_regulation"), row(REWORDED, split), row("gold is quiet", split)
    )
    assert [(one.text, one.split) for one in kept if one.split != "test"] == [("gold is quiet", split)]
    assert why == {"repeats a test text": 1}


def test_what_repeats_a_held_out_text_is_left_out_with_its_reason() -> None:
    kept, why = snapshot(row(REWORDED), held_out={"repeats a headline": [NEWS]})
    assert kept == []
    assert why == {"repeats a headline": 1}


def test_a_text_in_several_splits_stays_where_it_measures_most() -> None:
    kept, why = snapshot(row("Gold"), row("gold!", "valid"), row("GOLD", "test"), row("Oil"), row("oil", "valid"))
    assert [(one.text, one.split) for one in kept] == [("GOLD", "test"), ("oil", "valid")]
    assert sum(why.values()) == 3


def test_what_nearly_repeats_a_training_text_does_not_validate() -> None:
    kept, why = snapshot(row(NEWS), row(REWORDED, "valid"))
    assert [one.text for one in kept] == [NEWS]
    assert why == {"repeats a training text": 1}


def test_two_tests_that_differ_in_a_comma_both_stay() -> None:
    kept, _ = snapshot(row("Gold, up", "test"), row("Gold up", "test", "b", topic="market_moves"))
    assert len(kept) == 2


def test_the_order_of_the_sources_changes_nothing_but_which_spelling_stays() -> None:
    rows = [
        row(NEWS, "test"),
        row(REWORDED),
        row("gold is quiet"),
        named("oil and Shell", Shell="neutral"),
        row("oil and Shell"),
    ]
    assert content_sha256(snapshot(*rows)[0]) == content_sha256(snapshot(*reversed(rows))[0])


def test_a_longer_name_takes_its_place_before_a_shorter_one_looks() -> None:
    text = "LIC Housing raises Rs 810 cr by issuing shares to LIC"
    assert [(m.name, m.start) for m in mentions_of({"LIC": "neutral", "LIC Housing": "positive"}, text)] == [
        ("LIC Housing", 0),
        ("LIC", 50),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sentiment", "bullish"),
        ("topic", "sports"),
        ("split", "dev"),
        ("lang", "fr"),
        ("weight", 0.0),
        ("text", " a  b"),
        ("text", ""),
    ],
)
def test_a_row_that_no_snapshot_may_hold_is_refused(field: str, value: object) -> None:
    known = {"text": "gold", "lang": "en", "source": "a", "licence": "MIT", "split": "train", field: value}
    with pytest.raises(ValueError, match=field):
        Row(**known)  # type: ignore[arg-type]
