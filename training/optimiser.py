"""How the weights walk: what moves, how fast, and in which precision."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from training.batches import Batch
from training.config import Lora, Schedule
from training.model import MultiHead, pad_with_mentions

WORTH_IT = 1.1  # bf16 costs digits; it is taken where it is at least this many times as fast
_TRIAL_STEPS = 3


def groups(model: MultiHead, plan: Schedule) -> list[dict[str, Any]]:
    """Matrices decay towards zero; biases and layer norms do not. Fresh heads may learn faster than the encoder."""
    out = []
    heads = plan.head_learning_rate or plan.learning_rate
    for part, peak in ((model.encoder, plan.learning_rate), (model.heads, heads)):
        moving = [p for p in part.parameters() if p.requires_grad]
        matrices, vectors = [p for p in moving if p.ndim > 1], [p for p in moving if p.ndim <= 1]
        out.append({"params": matrices, "weight_decay": plan.weight_decay, "lr": peak, "peak": peak})
        out.append({"params": vectors, "weight_decay": 0.0, "lr": peak, "peak": peak})
    return [group for group in out if group["params"]]


def slope(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up to 1, then linear decay to 0."""
    warmup = max(1, round(warmup_share * steps))
    return min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))


def with_lora(model: MultiHead, lora: Lora) -> None:
    """Freeze the encoder and put low-rank adapters (Hu et al. 2021) beside its linear layers; heads stay whole."""
    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks the encoder for what transformers renames
        model.encoder = get_peft_model(model.encoder, settings)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Moments of pieces that never occur fade into denormals, which are slow: they are zero while this lasts."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def faster_precision(
    model: MultiHead, batches: Sequence[Batch], device: torch.device, ticks: Callable[[], float] = perf_counter
) -> tuple[str, float]:
    """Which of bf16 and fp32 to take, and how many times as fast bf16 was in a trial of a few forward and backward passes.

    Autocast to bf16 is two to three times as fast where a processor multiplies it (AMX, a GPU), and slower where not.
    The trial leaves weights, gradients and the random state as they were.
    """
    took = {}
    random = torch.get_rng_state()
    for name in ("fp32", "bf16", "fp32", "bf16"):  # the first of each warms up
        start = ticks()
        for batch in batches[:_TRIAL_STEPS]:
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bf16"):
                logits = model(*pad_with_mentions(batch.ids, batch.mentions, model.padding_id).to(device))
            sum(z.float().square().sum() for z in logits.values()).backward()
        took[name] = ticks() - start
    model.zero_grad(set_to_none=True)
    torch.set_rng_state(random)
    ratio = took["fp32"] / max(took["bf16"], 1e-9)
    return ("bf16" if ratio >= WORTH_IT else "fp32"), ratio
