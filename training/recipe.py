"""The recipe, read top to bottom: YAML in, a checkpoint folder out.

1. read the sets, take the leaks out, apply the emphasis; ask a teacher where there is one; add what an older model
   labels or was taught by
2. build the network from the base weights, or a champion's
3. walk the optimiser over mixed-head batches; validate; keep the best weights; stop when they stop improving
4. choose one temperature per head on the validation split

The checkpoint folder:
    recipe.json               the recipe as it was run
    best.safetensors          the weights with the best validation macro-F1 (mean over heads)
    temperatures.json         {head: temperature}
    progress.jsonl            one line per logged step and per validation
    soft_targets.safetensors  a teacher's answers, where there is one
    state.pt                  weights, optimiser, random state and place of the latest step; what `resume` reads
Two runs of one recipe on one machine give the same weights, interrupted or not. Under `accelerate launch` several
processes share each batch; the first of them keeps the folder.
"""

import copy
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor

from training.augment import aliases_of, augmented
from training.base import Base, locate
from training.batches import Batch, Reader, batches_of, epochs_of, share_of
from training.checkpoints import (
    BEST,
    PROGRESS,
    RECIPE,
    STATE,
    TEMPERATURES,
    Place,
    Progress,
    Report,
    load_checkpoint,
    restore,
    save_state,
    save_weights,
)
from training.config import Recipe
from training.dataset import Example, emphasised, merged, read_set, without_leaks
from training.distil import with_soft_targets
from training.evaluate import best_temperature, quality
from training.losses import batch_loss, class_weights
from training.model import MultiHead, build, pad_with_mentions
from training.optimiser import faster_precision, groups, slope, with_lora, without_denormals
from training.predict import logits_of
from training.pseudo_labels import PSEUDO, pseudo_labelled
from training.replay import REPLAYED, replayed, start_from
from training.rows import same_text_key
from training.unlabelled import held_out_days, stream, usable

DATA = Path(__file__).parent / "data"


def silent(event: dict[str, Any]) -> None:
    """The report of a run that nobody watches."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a finished run leaves: the folder, and the temperature per head."""

    folder: Path
    temperatures: dict[str, float]


def examples_of(recipe: Recipe, data: Path = DATA) -> list[Example]:
    """All examples of the recipe's sets, every split, leaks out, emphasis applied to training rows."""
    examples = [e for labelled in recipe.sets for e in read_set(labelled, recipe.heads, data)]
    examples = without_leaks(merged(examples))
    if recipe.emphasis is not None:
        labels = {head.name: head.labels for head in recipe.heads}
        examples = emphasised(examples, recipe.emphasis, labels[recipe.emphasis.head])
    return examples


@without_denormals()
def train(  # noqa: PLR0915 - a recipe is read top to bottom
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
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    shared = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=False)])
    if shared.is_main_process:
        (out / RECIPE).write_text(recipe.model_dump_json(indent=2), encoding="utf-8")

    # 1. examples
    base = locate(recipe.base)
    reader = Reader(base.tokenizer, recipe.max_tokens, recipe.prefix)
    training, validation, passes = material(recipe, data, out)
    walk = _walk(recipe, training, passes, reader)
    classes = {head.name: class_weights(head, training) for head in recipe.heads}
    labels = {head.name: head.labels for head in recipe.heads}

    # 2. network
    plan = recipe.schedule
    model, optimiser, place = _network(recipe, base, out / STATE if resume else None)
    model.to(shared.device)
    precision: str = plan.precision
    if precision == "auto":
        precision, ratio = faster_precision(model, walk, shared.device)
        report({"step": place.step, "of": len(walk), "precision": precision, "bf16_speedup": round(ratio, 2)})
    moving, optimiser = shared.prepare(model, optimiser)
    log = Progress(out / PROGRESS, report, place.step) if shared.is_main_process else silent

    # 3. walk
    validations = plan.epochs * plan.validations_per_epoch
    validate_at = {math.ceil(len(walk) * n / validations) for n in range(1, validations + 1)}
    model.train()
    while place.step < len(walk) and place.stale < plan.patience:
        if stop_after_steps is not None and place.step >= stop_after_steps:
            return None
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * slope(place.step, len(walk), plan.warmup_share)
        whole = walk[place.step]
        batch = share_of(whole, shared.process_index, shared.num_processes)
        padded = pad_with_mentions(batch.ids, batch.mentions, model.padding_id).to(shared.device)
        with torch.autocast(shared.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            logits = moving(*padded)
        loss = batch_loss(logits, batch, recipe.heads, classes, plan.label_smoothing, recipe.distil)
        # Gradients are averaged over processes, and each holds the sum over its own texts.
        loss = loss * shared.num_processes / len(whole.ids)
        optimiser.zero_grad(set_to_none=True)
        shared.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip_norm)
        optimiser.step()
        place.step += 1
        if place.step % 10 == 0 or place.step == 1:
            mean = shared.reduce(loss.detach(), "mean")
            log({"step": place.step, "of": len(walk), "loss": round(float(mean), 6)})
        if place.step in validate_at:
            # Every process measures, so that all stop at the same step.
            measured = {h: quality(*z, labels[h]) for h, z in logits_of(model, validation, reader).items()}
            if place.improved_by(measured) and shared.is_main_process:
                save_weights(plain_weights(model), out / BEST)
            log({"step": place.step, "of": len(walk), "validation": {h: q.brief() for h, q in measured.items()}})
            model.train()
        if shared.is_main_process and (place.step % plan.checkpoint_every_steps == 0 or place.step in validate_at):
            save_state(out / STATE, model, optimiser, place)

    # 4. temperatures
    shared.wait_for_everyone()
    temperatures = _temperatures(recipe, base, out / BEST, validation, reader)
    if shared.is_main_process:
        (out / TEMPERATURES).write_text(json.dumps(temperatures, indent=2), encoding="utf-8")
    return Checkpoint(out, temperatures)


def material(recipe: Recipe, data: Path, out: Path) -> tuple[list[Example], list[Example], dict[str, int]]:
    """What trains, what validates, and how often each file is read."""
    examples = examples_of(recipe, data)
    training = [e for e in examples if e.split == "train"]
    validation = [e for e in examples if e.split == "valid"]
    passes = {labelled.file: labelled.passes for labelled in recipe.sets}
    known = {same_text_key(e.text) for e in examples}
    if recipe.self_training is not None:
        own = recipe.self_training
        given = [one for s in own.streams for one in stream(s.file, s.name, s.column)]
        measuring = [e.text for e in examples if e.split != "train"]
        texts = [one.text for one in usable(given, measuring, held_out_days(), Counter())]
        teacher = load_checkpoint(own.teacher)
        training += pseudo_labelled(texts, teacher, recipe.heads, own.confidence, known)
        passes[PSEUDO] = own.passes
    if recipe.distil is not None:
        training = with_soft_targets(training, recipe.heads, recipe.distil.teacher, out / "soft_targets.safetensors")
    if recipe.replay is not None:
        old = examples_of(Recipe.model_validate_json((recipe.replay.champion / RECIPE).read_text("utf-8")), data)
        training += replayed(old, recipe.heads, known, round(recipe.replay.share * len(training)), recipe.seed)
        passes[REPLAYED] = recipe.schedule.epochs
    return training, validation, passes


def _walk(recipe: Recipe, training: Sequence[Example], passes: dict[str, int], reader: Reader) -> list[Batch]:
    """Every batch of the run, in order."""
    plan, how = recipe.schedule, recipe.augment
    aliases = aliases_of(how.watchlist) if how is not None and how.watchlist is not None else {}
    walk: list[Batch] = []
    for n, epoch in enumerate(epochs_of(training, passes, plan.epochs, recipe.seed)):
        told = epoch if how is None else augmented(epoch, how, aliases, recipe.seed + n)
        walk += batches_of(told, reader, recipe.heads, plan.batch_size, recipe.seed + n)
    return walk


def _network(recipe: Recipe, base: Base, state: Path | None) -> tuple[MultiHead, torch.optim.Optimizer, Place]:
    """The network and its optimiser at the start, or where a kept state left them."""
    model = build(recipe, base)
    if recipe.replay is not None:
        start_from(model, recipe.replay.champion)
    if recipe.lora is not None:
        with_lora(model, recipe.lora)
    optimiser = torch.optim.AdamW(groups(model, recipe.schedule), fused=True)
    place = Place() if state is None or not state.exists() else restore(state, model, optimiser)
    return model, optimiser, place


def plain_weights(model: MultiHead) -> dict[str, Tensor]:
    """The network's weights, adapters merged into the layers they stand beside."""
    if not isinstance(model.encoder, PeftModel):
        return model.state_dict()
    whole = copy.deepcopy(model)
    whole.encoder = whole.encoder.merge_and_unload()  # type: ignore[operator]
    return whole.state_dict()


def _temperatures(
    recipe: Recipe, base: Base, best: Path, validation: Sequence[Example], reader: Reader
) -> dict[str, float]:
    model = build(recipe, base)
    model.load_state_dict(load_file(best))
    return {head: best_temperature(*z) for head, z in logits_of(model, validation, reader).items()}
