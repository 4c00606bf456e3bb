"""A teacher's opinion of every training text, cached in a file, so that a student learns from it.

Hinton et al. 2015, "Distilling the knowledge in a neural network": the student is pulled towards the teacher's
probabilities at a temperature, and towards the label where there is one. A text that is labelled for one head learns
from the teacher under the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.checkpoints import BEST, Loaded, load_checkpoint
from training.config import Head
from training.dataset import Example, Mention
from training.predict import logits_by_text


class TeacherUnfit(ValueError):
    """The teacher cannot teach these heads; says why."""


def with_soft_targets(examples: Sequence[Example], heads: Sequence[Head], teacher: Path, cache: Path) -> list[Example]:
    """The examples with the teacher's logits beside their labels.

    Args:
        examples: what the student will read.
        heads: the student's; those that the teacher has too must have the same labels.
        teacher: a checkpoint folder.
        cache: safetensors file; made where it is absent or was made for other texts or another teacher.
    """
    key = _key(examples, teacher)
    said = _cached(cache, key)
    if said is None:
        said = _ask(load_checkpoint(teacher), examples, heads)
        save_file(said, cache, metadata={"key": key})
    return _attached(examples, said, {head.name for head in heads if head.reads == "mention"})


def _key(examples: Sequence[Example], teacher: Path) -> str:
    digest = hashlib.sha256((teacher / BEST).read_bytes())
    for e in examples:
        digest.update(json.dumps([e.text, [[m.start, m.end] for m in e.mentions]]).encode())
    return digest.hexdigest()


def _cached(cache: Path, key: str) -> dict[str, Tensor] | None:
    if not cache.exists():
        return None
    with safe_open(cache, "pt") as stored:
        if (stored.metadata() or {}).get("key") != key:
            return None
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping


def _ask(loaded: Loaded, examples: Sequence[Example], heads: Sequence[Head]) -> dict[str, Tensor]:
    theirs = {head.name: head for head in loaded.recipe.heads}
    shared = [head for head in heads if head.name in theirs]
    for head in shared:
        if (theirs[head.name].labels, theirs[head.name].reads) != (head.labels, head.reads):
            raise TeacherUnfit(f"the teacher's head {head.name} has other labels or reads something else")
    if not shared:
        raise TeacherUnfit(f"the teacher has none of the heads {[head.name for head in heads]}; it has {list(theirs)}")
    said = logits_by_text(loaded.model, loaded.reader, [e.text for e in examples], [e.mentions for e in examples])
    out = {}
    for head in shared:
        rows = said[head.name]
        out[head.name] = torch.cat(rows) if head.reads == "mention" else torch.stack(rows)
        out[head.name] = out[head.name] / loaded.temperatures[head.name]
    return out


def _attached(examples: Sequence[Example], said: Mapping[str, Tensor], of_mentions: Collection[str]) -> list[Example]:
    by_text = {head: rows.tolist() for head, rows in said.items() if head not in of_mentions}
    by_mention = {head: rows.tolist() for head, rows in said.items() if head in of_mentions}
    out, place = [], 0
    for n, e in enumerate(examples):
        mentions: list[Mention] = []
        for m in e.mentions:
            own = {head: tuple(rows[place]) for head, rows in by_mention.items()}
            mentions.append(replace(m, soft={head: row for head, row in own.items() if not isnan(row[0])}))
            place += 1
        soft = {head: tuple(rows[n]) for head, rows in by_text.items()}
        out.append(replace(e, soft=soft, mentions=tuple(mentions)))
    return out
