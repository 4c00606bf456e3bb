"""Going on from a champion: its weights to start from, and a share of what it was taught so that it forgets little."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from training.checkpoints import BEST
from training.config import Head
from training.dataset import Example
from training.model import MultiHead
from training.rows import same_text_key

REPLAYED = "replayed"


class ChampionUnfit(ValueError):
    """The champion's weights do not fit this recipe's network; names the first that does not."""


def start_from(model: MultiHead, champion: Path) -> None:
    """Put the champion's weights into the network; heads that it does not have stay fresh.

    Raises:
        ChampionUnfit: a weight of another shape, or an encoder that is not all there.
    """
    stored = load_file(champion / BEST)
    own = model.state_dict()
    for name, tensor in own.items():
        if name not in stored and name.startswith("encoder."):
            raise ChampionUnfit(f"{champion} has no {name}")
        if name in stored and stored[name].shape != tensor.shape:
            raise ChampionUnfit(f"{champion}: {name} is {tuple(stored[name].shape)}, not {tuple(tensor.shape)}")
    model.load_state_dict({name: stored.get(name, tensor) for name, tensor in own.items()})


def replayed(
    old: Sequence[Example], heads: Sequence[Head], known: Collection[str], count: int, seed: int
) -> list[Example]:
    """Up to `count` of the old training examples that the new sets do not have, drawn without putting back.

    Args:
        old: the champion's examples, all splits.
        heads: of the new recipe; labels of other heads are left out. Label orders must be the champion's.
        known: `same_text_key` of the new sets' texts, in any split: what is tested now never trains.
        count: how many at most.
        seed: the same draw for the same seed.
    """
    names = {head.name for head in heads}
    candidates = [
        replace(e, file=REPLAYED, targets={head: place for head, place in e.targets.items() if head in names})
        for e in old
        if e.split == "train" and same_text_key(e.text) not in known
    ]
    candidates = [e for e in candidates if e.targets or e.mentions]
    rng = random.Random(seed)  # noqa: S311 - a draw that repeats is wanted
    return rng.sample(candidates, min(count, len(candidates)))
