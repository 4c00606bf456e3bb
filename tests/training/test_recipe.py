"""The real recipe on a tiny model: what it learns, that it repeats, that it resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from training.checkpoints import load_checkpoint
from training.config import Recipe
from training.dataset import Mention
from training.predict import logits_by_text
from training.recipe import train

pytestmark = pytest.mark.train

# Made by this recipe; another value means that the recipe, the sets' order or the network changed.
EXPECTED_LOSSES = {1: 1.11305, 10: 0.850192, 20: 0.716997, 30: 0.486753}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "progress.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_losses_are_the_expected_ones(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    train(tiny, tmp_path, data=data)
    losses = {line["step"]: line["loss"] for line in lines(tmp_path) if "loss" in line}
    # Other processors add in another order; after some tens of steps that shows in the third digit.
    assert {step: losses[step] for step in EXPECTED_LOSSES} == pytest.approx(EXPECTED_LOSSES, rel=0.02)


def test_it_learns_what_the_sets_teach(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    train(tiny, tmp_path, data=data)
    last = [line["validation"] for line in lines(tmp_path) if "validation" in line][-1]
    assert last["sentiment"]["accuracy"] > 0.9
    assert last["topic"]["accuracy"] > 0.9


def test_the_head_of_mentions_tells_two_names_of_one_text_apart(
    three_heads: Recipe, data: Path, tmp_path: Path
) -> None:
    train(three_heads, tmp_path, data=data)
    loaded = load_checkpoint(tmp_path)
    text = "apple falls but tesla wins"
    mentions = [Mention(0, 5, {}), Mention(16, 21, {})]
    said = logits_by_text(loaded.model, loaded.reader, [text], [mentions])["mention"][0]
    assert said.argmax(dim=1).tolist() == [0, 2]


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    whole = train(tiny, tmp_path / "whole", data=data)
    assert train(tiny, tmp_path / "cut", data=data, stop_after_steps=25) is None
    resumed = train(tiny, tmp_path / "cut", data=data, resume=True)
    assert whole is not None
    assert resumed is not None
    assert resumed.temperatures == whole.temperatures
    uninterrupted = load_file(tmp_path / "whole" / "best.safetensors")
    for name, weights in load_file(tmp_path / "cut" / "best.safetensors").items():
        assert torch.equal(weights, uninterrupted[name]), name
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_training_stops_when_validation_stops_improving(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    still = tiny.schedule.model_copy(update={"learning_rate": 0.0, "validations_per_epoch": 4, "patience": 2})
    train(tiny.model_copy(update={"schedule": still}), tmp_path, data=data)
    assert len([line for line in lines(tmp_path) if "validation" in line]) == 3


def test_the_temperature_makes_the_validation_probabilities_likelier(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    done = train(tiny, tmp_path, data=data)
    assert done is not None
    assert set(done.temperatures) == {"sentiment", "topic"}
    assert all(0.25 <= t <= 4 for t in done.temperatures.values())
