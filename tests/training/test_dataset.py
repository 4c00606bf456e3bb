"""What trains, what does not, and in which order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from inference.encode import Encoder
from training.config import Emphasis, LabelledSet, Recipe, load_recipe
from training.dataset import (
    UNLABELLED,
    Example,
    batches_of,
    emphasised,
    epochs_of,
    read_set,
    same_text_key,
    snapshot_sha256,
    without_leaks,
)
from training.recipe import DATA, examples_of

pytestmark = pytest.mark.train

RECIPES = sorted((Path(DATA).parent / "recipes").glob("*.yaml"))
LABELS = ["negative", "neutral", "positive"]


def example(text: str, split: str = "train", target: int = 1, head: str = "sentiment") -> Example:
    return Example(text, head, target, split, "made up", "a.csv.gz")


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
            seen = {e.target for e in examples if e.head == head.name and e.split == split}
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
    assert [(e.text, e.weight) for e in kept] == [
        ("fraud at the fund", 2.0),
        ("fraud charges dropped", 1.0),
        ("fraud at the shop", 1.0),
        ("fraud", 1.0),
        ("defrauded", 1.0),
    ]


def test_a_set_is_read_as_often_as_the_recipe_says_evenly_over_the_epochs() -> None:
    rows = [example(str(n)) for n in range(100)]
    sets = [LabelledSet(file="a.csv.gz", head="sentiment", label="label", passes=3, licence="none")]
    epochs = epochs_of(rows, sets, 4, seed=1)
    assert [len(epoch) for epoch in epochs] == [75, 75, 75, 75]
    assert set(Counter(e.text for epoch in epochs for e in epoch).values()) == {3}


def test_batches_hold_every_example_once_with_the_target_under_its_own_head(base: Path) -> None:
    encoder = Encoder(base / "tokenizer.json", 16)
    rows = [example("oil falls " * (n % 7), target=n % 3, head=("sentiment", "topic")[n % 2]) for n in range(50)]
    batches = batches_of(rows, encoder, ["sentiment", "topic"], 8, seed=3)
    assert sum(len(batch.ids) for batch in batches) == 50
    for batch in batches:
        for a, b in zip(batch.targets["sentiment"], batch.targets["topic"], strict=True):
            assert (a == UNLABELLED) != (b == UNLABELLED)


def test_an_unknown_label_is_named_with_its_row(tiny: Recipe, data: Path) -> None:
    with pytest.raises(ValueError, match=r"sentiment\.csv\.gz row 2: label is 'negative'"):
        read_set(tiny.sets[0], ["good", "bad"], data)


def test_a_missing_column_is_named(tiny: Recipe, data: Path) -> None:
    wrong = tiny.sets[0].model_copy(update={"label": "mood"})
    with pytest.raises(ValueError, match="no column mood"):
        read_set(wrong, LABELS, data)


def test_the_snapshot_is_the_same_for_the_same_content_and_another_for_another(data: Path) -> None:
    both = [data / "sentiment.csv.gz", data / "topic.csv.gz"]
    assert snapshot_sha256(both) == snapshot_sha256(both)
    assert snapshot_sha256(both) != snapshot_sha256(both[:1])
