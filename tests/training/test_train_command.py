"""`tocsin train` from a recipe file to a bundle that scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from contracts.errors import UserError
from inference.bundle import load_bundle
from tocsin.cli import app
from training.config import Recipe

pytestmark = [
    pytest.mark.train,
    # The exporter warns of its own internals.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def tocsin_train(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", *arguments])


def test_a_recipe_file_becomes_a_bundle_and_a_table_of_figures(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    settings = tiny.model_dump()
    for labelled in settings["sets"]:
        labelled["file"] = str(data / labelled["file"])
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = tocsin_train(str(recipe), "--out", str(tmp_path / "bundle"), "--work", str(tmp_path / "work"))
    assert done.exit_code == 0, done.output
    assert "step 60" in done.output
    assert "macro-F1" in done.output
    assert load_bundle(tmp_path / "bundle").manifest.version == "tiny-1"
    again = tocsin_train(str(recipe), "--out", str(tmp_path / "bundle"), "--work", str(tmp_path / "work"), "--resume")
    assert again.exit_code == 0, again.output


def test_a_recipe_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = tocsin_train(str(tmp_path / "nowhere.yaml"))
    assert isinstance(done.exception, UserError)
    assert "nowhere.yaml" in str(done.exception)
