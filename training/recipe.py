"""The recipe, read top to bottom: YAML in, a checkpoint folder out.

1. read the sets, take the leaks out, apply the emphasis, deal the examples over the epochs
2. build the network from the base weights
3. walk the optimiser over mixed-head batches; validate; keep the best weights; stop when they stop improving
4. choose one temperature per head on the validation split

The checkpoint folder:
    recipe.json           the recipe as it was run
    best.safetensors      the weights with the best validation macro-F1 (mean over heads)
    temperatures.json     {head: temperature}
    progress.jsonl        one line per logged step and per validation
    state.pt              weights, optimiser, random state and place of the latest step; what `resume` reads
Two runs of one recipe on one machine give the same weights, interrupted or not.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from training.base import locate
from training.batches import Reader, batches_of, epochs_of
from training.config import Recipe, Schedule
from training.dataset import Example, emphasised, merged, read_set, without_leaks
from training.evaluate import Quality, best_temperature, quality
from training.losses import class_weights, labelled_loss
from training.model import MultiHead, build, pad_with_mentions
from training.predict import logits_of

DATA = Path(__file__).parent / "data"

Report = Callable[[dict[str, Any]], None]


def silent(event: dict[str, Any]) -> None:
    """The report of a run that nobody watches."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a finished run leaves: the folder, and the temperature per head."""

    folder: Path
    temperatures: dict[str, float]


@dataclass(slots=True)
class _Place:
    """Where a run is: the steps walked, the best validation score so far, and validations without a better one."""

    step: int = 0
    best: float = -1.0
    stale: int = 0

    def improved_by(self, measured: dict[str, Quality]) -> bool:
        """Whether the mean macro-F1 over the heads is the best so far; counts the validations since."""
        score = sum(q.macro_f1 for q in measured.values()) / len(measured)
        improved = score > self.best
        self.best, self.stale = (score, 0) if improved else (self.best, self.stale + 1)
        return improved


class _Progress:
    """progress.jsonl: lines of steps that are walked again after an interruption are taken out first."""

    def __init__(self, path: Path, report: Report, step: int) -> None:
        self._path = path
        self._report = report
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def __call__(self, event: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(event) + "\n")
        self._report(event)


def examples_of(recipe: Recipe, data: Path = DATA) -> list[Example]:
    """All examples of the recipe's sets, every split, leaks out, emphasis applied to training rows."""
    examples = [e for labelled in recipe.sets for e in read_set(labelled, recipe.heads, data)]
    examples = without_leaks(merged(examples))
    if recipe.emphasis is not None:
        labels = {head.name: head.labels for head in recipe.heads}
        examples = emphasised(examples, recipe.emphasis, labels[recipe.emphasis.head])
    return examples


def train(
    recipe: Recipe,
    out: Path,
    *,
    data: Path = DATA,
    resume: bool = False,
    report: Report = silent,
    stop_after_steps: int | None = None,
) -> Checkpoint | None:
    """Run the recipe into the folder `out`.

    Args:
        recipe: what to run.
        out: the checkpoint folder; made if absent.
        data: the folder that holds the recipe's sets.
        resume: go on from `out/state.pt` where there is one.
        report: called with each line that goes to progress.jsonl.
        stop_after_steps: end early, as an interruption would, and return None.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(recipe.model_dump_json(indent=2), encoding="utf-8")
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    torch.set_flush_denormal(True)  # moments of pieces that never occur fade into denormals, which are slow

    # 1. examples
    base = locate(recipe.base)
    reader = Reader(base.tokenizer, recipe.max_tokens, recipe.prefix)
    examples = examples_of(recipe, data)
    training = [e for e in examples if e.split == "train"]
    validation = [e for e in examples if e.split == "valid"]
    plan = recipe.schedule
    labels = {head.name: head.labels for head in recipe.heads}
    walk = []
    for n, epoch in enumerate(epochs_of(training, recipe.sets, plan.epochs, recipe.seed)):
        walk += batches_of(epoch, reader, recipe.heads, plan.batch_size, recipe.seed + n)
    classes = {head.name: class_weights(head, training) for head in recipe.heads}

    # 2. network
    model = build(recipe, base)
    optimiser = torch.optim.AdamW(_groups(model, plan), fused=True)
    place = _Place()
    if resume and (out / "state.pt").exists():
        place = _restore(out / "state.pt", model, optimiser)
    log = _Progress(out / "progress.jsonl", report, place.step)

    # 3. walk
    validations = plan.epochs * plan.validations_per_epoch
    validate_at = {math.ceil(len(walk) * n / validations) for n in range(1, validations + 1)}
    model.train()
    while place.step < len(walk) and place.stale < plan.patience:
        if stop_after_steps is not None and place.step >= stop_after_steps:
            return None
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * _slope(place.step, len(walk), plan.warmup_share)
        batch = walk[place.step]
        logits = model(*pad_with_mentions(batch.ids, batch.mentions, model.padding_id))
        loss = labelled_loss(logits, batch, recipe.heads, classes, plan.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip_norm)
        optimiser.step()
        place.step += 1
        if place.step % 10 == 0 or place.step == 1:
            log({"step": place.step, "of": len(walk), "loss": round(loss.item(), 6)})
        if place.step in validate_at:
            measured = {h: quality(*z, labels[h]) for h, z in logits_of(model, validation, reader).items()}
            if place.improved_by(measured):
                _save_weights(model, out / "best.safetensors")
            log({"step": place.step, "of": len(walk), "validation": {h: q.brief() for h, q in measured.items()}})
            model.train()
        if place.step % plan.checkpoint_every_steps == 0 or place.step in validate_at:
            _save_state(out / "state.pt", model, optimiser, place)

    # 4. temperatures
    model.load_state_dict(load_file(out / "best.safetensors"))
    found = logits_of(model, validation, reader)
    temperatures = {head: best_temperature(*z) for head, z in found.items()}
    (out / "temperatures.json").write_text(json.dumps(temperatures, indent=2), encoding="utf-8")
    return Checkpoint(out, temperatures)


def _slope(step: int, steps: int, warmup_share: float) -> float:
    warmup = max(1, round(warmup_share * steps))
    return min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))


def _groups(model: MultiHead, plan: Schedule) -> list[dict[str, Any]]:
    """Matrices decay towards zero; biases and layer norms do not. Fresh heads may learn faster than the encoder."""
    groups = []
    for part, peak in (
        (model.encoder, plan.learning_rate),
        (model.heads, plan.head_learning_rate or plan.learning_rate),
    ):
        matrices = [p for p in part.parameters() if p.ndim > 1]
        vectors = [p for p in part.parameters() if p.ndim <= 1]
        groups.append({"params": matrices, "weight_decay": plan.weight_decay, "lr": peak, "peak": peak})
        groups.append({"params": vectors, "weight_decay": 0.0, "lr": peak, "peak": peak})
    return groups


def _save_weights(model: MultiHead, path: Path) -> None:
    whole = path.with_suffix(".partial")
    save_file(model.state_dict(), whole)
    whole.replace(path)


def _save_state(path: Path, model: MultiHead, optimiser: torch.optim.Optimizer, place: _Place) -> None:
    whole = path.with_suffix(".partial")
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "place": [place.step, place.best, place.stale],
    }
    torch.save(state, whole)
    whole.replace(path)


def _restore(path: Path, model: MultiHead, optimiser: torch.optim.Optimizer) -> _Place:
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return _Place(*state["place"])
