"""Which bundle a command means by a name, a folder or a language."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import UserError
from inference.bundle import MANIFEST, BundleRefused, shipped
from tocsin import bundles
from tocsin.cli import app


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped bundles: English, and one for Chinese and English."""
    for name, languages in (("en", ["en"]), ("zh", ["zh", "en"])):
        folder = shutil.copytree(shipped("en"), tmp_path / name)
        manifest = json.loads((folder / MANIFEST).read_bytes())
        (folder / MANIFEST).write_text(json.dumps(manifest | {"languages": languages}), encoding="utf-8")
    monkeypatch.setattr(bundles, "SHIPPED", tmp_path)
    return tmp_path


def test_a_language_goes_to_the_bundle_named_for_it_and_only_that_one_is_loaded(ship: Path) -> None:
    assert bundles.shipped_names() == ["en", "zh"]
    assert bundles.places_for("", {"zh", "fr"}) == {"zh": str(ship / "zh")}
    assert bundles.places_for("", {"zh", "en"}) == {"en": str(ship / "en"), "zh": str(ship / "zh")}


def test_languages_that_nothing_reads_still_get_a_scorer_that_says_what_is_read(ship: Path) -> None:
    assert bundles.places_for("", {"fr"}).keys() == {"en", "zh"}
    assert bundles.places_for("en", {"zh"}) == {"en": str(ship / "en")}


def test_a_named_bundle_takes_every_language_it_reads(ship: Path) -> None:
    folder = str(ship / "zh")
    assert bundles.places_for("zh", {"en", "zh"}) == {"zh": folder, "en": folder}
    assert bundles.places_for(folder, {"en"}) == {"en": folder}
    assert bundles.places_for("deterministic", {"fr"}) == {"fr": "deterministic"}


def test_a_bundle_that_is_not_there_is_the_users_mistake_and_a_folder_that_is_none_is_refused(ship: Path) -> None:
    with pytest.raises(UserError, match="--bundle nowhere: no such folder; the bundles that ship are en, zh"):
        bundles.place_of("nowhere")
    with pytest.raises(BundleRefused, match=r"manifest\.json does not exist"):
        bundles.places_for(str(ship), {"en"})


def test_a_chinese_file_is_judged_by_the_chinese_bundle(ship: Path) -> None:
    file = ship / "zh.csv"
    file.write_text("text,label\n股价大跌,negative\n公司被立案调查,negative\nup,positive\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["evaluate", "sentiment", str(file), "--json"], catch_exceptions=False)
    said = json.loads(result.stdout)
    assert (said["lang"], said["n"]) == ("zh", 3)


@pytest.mark.usefixtures("ship")
def test_chinese_and_english_texts_are_scored_side_by_side() -> None:
    texts = ["股价大跌", "Lender files for bankruptcy", "Фондовый рынок"]
    result = CliRunner().invoke(app, ["score", "--json", "--no-phrases", *texts], catch_exceptions=False)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["sentiment" in one for one in said] == [True, True, False]
    assert said[2]["detail"] == "no bundle scores the language 'ru', only en, zh"
