"""What a run keeps in its folder: the best weights, and the place to go on from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.base import locate
from training.batches import Reader
from training.config import Recipe
from training.evaluate import Quality
from training.model import MultiHead, build

Report = Callable[[dict[str, Any]], None]

BEST, TEMPERATURES, RECIPE, STATE, PROGRESS = (
    "best.safetensors",
    "temperatures.json",
    "recipe.json",
    "state.pt",
    "progress.jsonl",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A finished checkpoint in memory."""

    recipe: Recipe
    model: MultiHead
    reader: Reader
    temperatures: Mapping[str, float]


def load_checkpoint(folder: Path) -> Loaded:
    """The network of a checkpoint folder with its best weights; without temperatures.json they are 1."""
    recipe = Recipe.model_validate_json((folder / RECIPE).read_text(encoding="utf-8"))
    base = locate(recipe.base)
    model = build(recipe, base)
    model.load_state_dict(load_file(folder / BEST))
    stored = folder / TEMPERATURES
    temperatures = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    reader = Reader(base.tokenizer, recipe.max_tokens, recipe.prefix)
    return Loaded(recipe, model.eval(), reader, {head.name: temperatures.get(head.name, 1.0) for head in recipe.heads})


@dataclass(slots=True)
class Place:
    """Where a run is: the steps walked, the best validation score so far, and validations without a better one."""

    step: int = 0
    best: float = -1.0
    stale: int = 0

    def improved_by(self, measured: Mapping[str, Quality]) -> bool:
        """Whether the mean macro-F1 over the heads is the best so far; counts the validations since."""
        score = sum(q.macro_f1 for q in measured.values()) / len(measured)
        improved = score > self.best
        self.best, self.stale = (score, 0) if improved else (self.best, self.stale + 1)
        return improved


class Progress:
    """progress.jsonl: lines of steps that are walked again after an interruption are taken out first."""

    def __init__(self, path: Path, report: Report, step: int) -> None:
        self._path = path
        self._report = report
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def __call__(self, event: dict[str, Any]) -> None:
        """Keep the event and pass it on."""
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(event) + "\n")
        self._report(event)


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """The weights as safetensors; the file is whole or not there."""
    whole = path.with_suffix(".partial")
    save_file({name: tensor.contiguous().cpu() for name, tensor in weights.items()}, whole)
    whole.replace(path)


def save_state(path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, place: Place) -> None:
    """Everything that the next step depends on; the file is whole or not there."""
    whole = path.with_suffix(".partial")
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "place": [place.step, place.best, place.stale],
    }
    torch.save(state, whole)
    whole.replace(path)


def restore(path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> Place:
    """Put back what `save_state` kept."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return Place(*state["place"])
