"""From a checkpoint to a bundle that loads, answers like torch, and never spoils the one that was there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.bundle import BundleRefused, load_bundle, sha256_of
from training import run as run_module
from training.config import Export, Recipe
from training.evaluate import Parity
from training.parity import Figures, ParityLost, hold_to
from training.run import run

pytestmark = pytest.mark.train


def test_a_recipe_becomes_a_bundle_that_loads_with_its_figures_and_card(
    tiny: Recipe, data: Path, tmp_path: Path
) -> None:
    figures = run(tiny, tmp_path / "bundle", tmp_path / "work", data=data)
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.version == "tiny-1"
    assert bundle.manifest.metrics["sentiment"]["accuracy"] == pytest.approx(figures.quality["sentiment"].accuracy)
    assert set(figures.quality) == {"sentiment", "sentiment:a", "sentiment:b", "topic"}
    assert figures.quality["sentiment"].accuracy > 0.85
    assert figures.parity["sentiment"].changed < 0.05
    assert "Known failures" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    (answer,) = bundle.engine.answer(["oil falls today"])
    assert max(answer.heads["sentiment"], key=lambda k: answer.heads["sentiment"][k]) == "negative"


def test_a_bundle_answers_for_each_mention_and_is_proven_by_mentions(
    three_heads: Recipe, data: Path, tmp_path: Path
) -> None:
    sets = [s.model_copy(update={"passes": min(s.passes, 3)}) for s in three_heads.sets]
    # A network that was hardly trained decides by little, so that rounding may change what it says.
    untrained = three_heads.model_copy(update={"sets": sets, "export": Export(changed_int8=0.2, changed_fp16=0.2)})
    figures = run(untrained, tmp_path / "bundle", tmp_path / "work", data=data)
    bundle = load_bundle(tmp_path / "bundle")
    assert {head.name: head.reads for head in bundle.manifest.heads}["mention"] == "mention"
    assert {"sentiment", "topic", "mention"} <= set(figures.quality)
    (answer,) = bundle.engine.answer(["apple falls but gold wins"], [[[(0, 5)], [(16, 20)], [(200, 210)]]])
    first, second, cut = answer.mentions
    assert first
    assert second
    assert sum(first["mention"].values()) == pytest.approx(1)
    assert first != second
    assert cut is None


def test_a_run_that_fails_leaves_the_bundle_as_it_was(
    tiny: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({"version": "old"}), encoding="utf-8")
    before = sha256_of(out / "manifest.json")

    def refuses(*_: object) -> None:
        raise BundleRefused(out, "golden", "made to fail")

    monkeypatch.setattr(run_module, "export", refuses)
    with pytest.raises(BundleRefused):
        run(tiny, out, tmp_path / "work", data=data)
    assert sha256_of(out / "manifest.json") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_answers_too_differently_is_not_shipped() -> None:
    figures = Figures({}, {"topic": Parity(1000, 0.004, 0.01, 0.1)}, {"topic": Parity(1000, 0.0, 0.0, 0.0)}, ())
    with pytest.raises(ParityLost, match=r"int8 topic: 0.40 % of 1000 labels differ, 0.3 % may"):
        hold_to(Export(), figures)
    hold_to(Export(changed_int8=0.005), figures)


def test_one_text_of_few_is_no_evidence_of_a_bad_file() -> None:
    hold_to(Export(), Figures({}, {"topic": Parity(20, 0.05, 0.01, 0.1)}, {}, ()))
