"""What trains, what does not, and in which order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from training.batches import UNLABELLED, Reader, batches_of, epochs_of
from training.config import Emphasis, Recipe, load_recipe
from training.dataset import (
    Example,
    Mention,
    emphasised,
    merged,
    read_set,
    same_text_key,
    snapshot_sha256,
    span_of,
    without_leaks,
)
from training.recipe import DATA, examples_of

pytestmark = pytest.mark.train

RECIPES = sorted((Path(DATA).parent / "recipes").glob("*.yaml"))
LABELS = ["negative", "neutral", "positive"]


def example(text: str, split: str = "train", target: int = 1, head: str = "sentiment") -> Example:
    return Example(text, split, "made up", "a.csv.gz", {head: target})


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_no_test_or_validation_text_of_any_set_trains(path: Path) -> None:
    examples = examples_of(load_recipe(path))
    keys = {
        split: {same_text_key(e.text) for e in examples if e.split == split} for split in ("train", "valid", "test")
    }
    assert keys["train"]
    assert not keys["train"] & (keys["valid"] | keys["test"])
    assert not keys["valid"] & keys["test"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_label_of_a_shipped_recipe_is_taught_and_tested(path: Path) -> None:
    recipe = load_recipe(path)
    examples = examples_of(recipe)
    for head in recipe.heads:
        for split in ("train", "valid", "test"):
            of_split = [e for e in examples if e.split == split]
            read = [m.targets for e in of_split for m in e.mentions] if head.reads == "mention" else []
            read += [e.targets for e in of_split]
            seen = {targets[head.name] for targets in read if head.name in targets}
            assert seen == set(range(len(head.labels))), (head.name, split)


def test_a_text_that_one_set_tests_does_not_train_another_head() -> None:
    kept = without_leaks([example("Oil FALLS!"), example("oil falls", "test", head="topic"), example("gold")])
    assert [(e.text, e.split) for e in kept] == [("oil falls", "test"), ("gold", "train")]


def test_the_emphasis_touches_training_rows_of_its_head_only() -> None:
    emphasis = Emphasis(head="sentiment", pattern=r"\bfraud\b", label="negative", drop=["neutral"], weight=2.0)
    rows = [
        example("fraud at the bank", target=1),
        example("fraud at the fund", target=0),
        example("fraud charges dropped", target=2),
        example("fraud at the shop", "test", target=1),
        example("fraud", target=1, head="topic"),
        example("defrauded", target=1),
    ]
    kept = emphasised(rows, emphasis, LABELS)
    assert [(e.text, e.weights.get("sentiment", 1.0)) for e in kept] == [
        ("fraud at the fund", 2.0),
        ("fraud charges dropped", 1.0),
        ("fraud at the shop", 1.0),
        ("fraud", 1.0),
        ("defrauded", 1.0),
    ]


def test_a_set_is_read_as_often_as_the_recipe_says_evenly_over_the_epochs() -> None:
    rows = [example(str(n)) for n in range(100)]
    epochs = epochs_of(rows, {"a.csv.gz": 3}, 4, seed=1)
    assert [len(epoch) for epoch in epochs] == [75, 75, 75, 75]
    assert set(Counter(e.text for epoch in epochs for e in epoch).values()) == {3}


def test_batches_hold_every_example_once_with_the_target_under_its_own_head(tiny: Recipe, base: Path) -> None:
    reader = Reader(base / "tokenizer.json", 16)
    rows = [example("oil falls " * (n % 7), target=n % 3, head=("sentiment", "topic")[n % 2]) for n in range(50)]
    batches = batches_of(rows, reader, tiny.heads, 8, seed=3)
    assert sum(len(batch.ids) for batch in batches) == 50
    for batch in batches:
        for a, b in zip(batch.targets["sentiment"], batch.targets["topic"], strict=True):
            assert (a == UNLABELLED) != (b == UNLABELLED)


def test_rows_of_one_text_become_one_example_with_every_label_they_agree_on() -> None:
    rows = [
        example("oil falls, gold wins", target=0),
        example("oil falls, gold wins", target=3, head="topic"),
        Example("oil falls, gold wins", "train", "made up", "b.csv.gz", {}, (Mention(0, 3, {"mention": 0}),)),
        Example("oil falls, gold wins", "train", "made up", "b.csv.gz", {}, (Mention(11, 15, {"mention": 2}),)),
        example("gold waits", target=1),
        example("gold waits", target=2),
        example("oil falls, gold wins", "test", target=1),
    ]
    first, second, third = merged(rows)
    assert (first.file, first.targets) == ("a.csv.gz", {"sentiment": 0, "topic": 3})
    assert first.mentions == (Mention(0, 3, {"mention": 0}), Mention(11, 15, {"mention": 2}))
    assert second.targets == {}
    assert third.split == "test"


@pytest.mark.parametrize(
    ("name", "text", "span"),
    [
        ("ABB", "CABB sues ABB", (10, 13)),
        ("tesla", "Tesla up", (0, 5)),
        ("宁王", "昨天梭哈的宁王，今天吃面", (5, 7)),
        ("$TSLA", "long $TSLA!", (5, 10)),
        ("Tesla", "oil", None),
    ],
)
def test_a_name_is_found_as_a_word_of_its_own_first(name: str, text: str, span: tuple[int, int] | None) -> None:
    assert span_of(name, text) == span


def test_a_mention_is_the_pieces_of_its_characters_whatever_stands_before_the_text(base: Path) -> None:
    text, mention = "oil falls again but gold jumps", Mention(20, 24, {})
    plain, prefixed = Reader(base / "tokenizer.json", 16), Reader(base / "tokenizer.json", 16, "but : ")
    (a,), (b,) = plain.read([text], [[mention]]), prefixed.read([text], [[mention]])
    assert [a.ids[n] for n in a.mentions[0]] == [b.ids[n] for n in b.mentions[0]]
    assert len(a.mentions[0]) == 1
    assert len(b.ids) == len(a.ids) + 2


def test_a_mention_behind_the_cut_is_left_out_of_the_batch(three_heads: Recipe, base: Path) -> None:
    row = Example("oil falls again but gold jumps", "train", "x", "a", {}, (Mention(20, 24, {"mention": 2}),))
    short, whole = Reader(base / "tokenizer.json", 4), Reader(base / "tokenizer.json", 16)
    assert batches_of([row], short, three_heads.heads, 8, seed=3)[0].targets["mention"] == []
    assert batches_of([row], whole, three_heads.heads, 8, seed=3)[0].targets["mention"] == [2]


def test_json_lines_teach_all_their_heads_in_one_row(three_heads: Recipe, data: Path) -> None:
    first = read_set(three_heads.sets[3], three_heads.heads, data)[0]
    assert first.text == "apple falls but tesla loses"
    assert first.targets == {"sentiment": 1, "topic": 1}
    assert first.mentions == (Mention(0, 5, {"mention": 0}), Mention(16, 21, {"mention": 0}))


def test_an_unknown_label_is_named_with_its_row(tiny: Recipe, data: Path) -> None:
    head = tiny.heads[0].model_copy(update={"labels": ["good", "bad"]})
    with pytest.raises(ValueError, match=r"sentiment\.csv\.gz row 2: label is 'negative'"):
        read_set(tiny.sets[0], [head], data)


def test_a_missing_column_is_named(tiny: Recipe, data: Path) -> None:
    wrong = tiny.sets[0].model_copy(update={"teaches": {"sentiment": "mood"}})
    with pytest.raises(ValueError, match="no column mood"):
        read_set(wrong, tiny.heads, data)


def test_a_head_that_the_recipe_has_not_is_named(tiny: Recipe, data: Path) -> None:
    wrong = tiny.sets[0].model_copy(update={"teaches": {"mood": "label"}})
    with pytest.raises(ValueError, match="teaches mood"):
        read_set(wrong, tiny.heads, data)


def test_the_snapshot_is_the_same_for_the_same_content_and_another_for_another(data: Path) -> None:
    both = [data / "sentiment.csv.gz", data / "topic.csv.gz"]
    assert snapshot_sha256(both) == snapshot_sha256(both)
    assert snapshot_sha256(both) != snapshot_sha256(both[:1])
