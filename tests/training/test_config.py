"""A recipe file is checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from contracts.messages import Sentiment, Topic
from training.base import BaseMissing, locate
from training.config import BaseModelFiles, RecipeInvalid, load_recipe
from training.recipe import DATA

pytestmark = pytest.mark.train

RECIPES = sorted((Path(DATA).parent / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_speaks_the_words_of_the_contracts(path: Path) -> None:
    recipe = load_recipe(path)
    labels = {head.name: tuple(head.labels) for head in recipe.heads}
    assert labels["sentiment"] == get_args(Sentiment)
    assert labels["topic"] == get_args(Topic)
    assert all((DATA / s.file).is_file() for s in recipe.sets)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_base_weights_of_every_shipped_recipe_are_installed_and_are_the_ones_it_names(path: Path) -> None:
    assert locate(load_recipe(path).base).tokenizer.is_file()


def test_base_weights_with_another_checksum_are_refused(base: Path) -> None:
    with pytest.raises(BaseMissing, match="the recipe wants 00ff"):
        locate(BaseModelFiles(name="tiny", licence="none", folder=str(base), sha256="00ff"))


def test_base_weights_of_a_package_that_is_not_installed_say_what_to_do() -> None:
    with pytest.raises(BaseMissing, match="make train-env"):
        locate(BaseModelFiles(name="x", licence="none", folder="x", package="no-such-package-of-weights"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("heads: [", "not YAML"),
        ("version: a", "languages"),
        ("", "the file"),
    ],
)
def test_a_broken_recipe_is_refused_with_the_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeInvalid, match=says):
        load_recipe(path)


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPES[0].read_text(encoding="utf-8") + "\nlearning_rat: 1\n", encoding="utf-8")
    with pytest.raises(RecipeInvalid, match="learning_rat"):
        load_recipe(path)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")
