"""An encoder's weights under BERT's names, so that one graph serves both families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Mapping[str, Array]

DISTANCES = "encoder.distances"
_MPNET_BIAS = "encoder.encoder.relative_attention_bias.weight"


def as_bert(weights: Weights) -> dict[str, Array]:
    """The weights under BERT's names.

    MPNet's differ (Song et al. 2020): it has no token types, its positions begin at the third row, and every layer adds
    one bias by how far apart two tokens are, here `encoder.distances` of shape (heads, distances).
    """
    if _MPNET_BIAS not in weights:
        return dict(weights)
    parts = {"attn.q.": "self.query.", "attn.k.": "self.key.", "attn.v.": "self.value.", "attn.o.": "output.dense."}
    out = {}
    for name, value in weights.items():
        new = name.replace("attention.LayerNorm", "attention.output.LayerNorm")
        for old, part in parts.items():
            new = new.replace(f"attention.{old}", f"attention.{part}")
        out[new] = value
    positions = "encoder.embeddings.position_embeddings.weight"
    out[positions] = out[positions][2:]
    out["encoder.embeddings.token_type_embeddings.weight"] = np.zeros_like(out[positions][:1])
    table = out.pop(_MPNET_BIAS)
    furthest = len(out[positions]) - 1
    out[DISTANCES] = table[distance_buckets(np.arange(-furthest, furthest + 1), len(table))].T
    return out


def distance_buckets(distances: NDArray[np.int64], buckets: int, furthest: int = 128) -> NDArray[np.int64]:
    """The bucket of each distance key - query: single steps when near, logarithmic when far (Raffel et al. 2020, T5)."""
    half = buckets // 2
    near, steps = half // 2, np.abs(distances)
    # In 32 bits and in this order, as the network was trained: at the edge of a bucket a finer logarithm differs.
    beyond = np.log(np.maximum(steps, 1).astype(np.float32) / near) / np.float32(np.log(furthest / near))
    far = near + (beyond * (half - near)).astype(np.int64)
    return np.where(distances > 0, half, 0) + np.where(steps < near, steps, np.minimum(far, half - 1))
