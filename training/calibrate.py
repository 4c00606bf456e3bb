"""What the int8 file is fitted to: the inputs of every matrix product over some training texts.

The means are taken out of what is quantised and put back behind it, where they cost nothing: an activation that is
large in every token then takes no codes from those that differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from inference.engine import Padded
from inference.session import OnnxSession
from training.as_bert import Array, Weights
from training.graph import Exact, Graph, Plan, build_graph


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of one product over the calibration tokens.

    Attributes:
        mean: (k,).
        gram: x' x of shape (k, k).
        largest: (k,), of the absolute values without the mean.
        tokens: how many.
    """

    mean: NDArray[np.float64]
    gram: NDArray[np.float64]
    largest: NDArray[np.float64]
    tokens: int

    def centred_gram(self) -> NDArray[np.float64]:
        """The gram of the inputs without their mean."""
        centred: NDArray[np.float64] = self.gram - self.tokens * np.outer(self.mean, self.mean)
        return centred


class _Watched(Exact):
    """Notes what goes into each product."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def product(self, graph: Graph, source: str, name: str, weight: Array) -> str:
        self.sources[name] = source
        return super().product(graph, source, name, weight)


def watch(weights: Weights, plan: Plan, batches: Iterable[Padded], scratch: Path) -> dict[str, Inputs]:
    """Run the fp32 network and gather what goes into each product.

    Args:
        weights: see `build_graph`.
        plan: see `build_graph`.
        batches: of training texts.
        scratch: where the watched network's file may be written.
    """
    watched = _Watched()
    model = build_graph(weights, plan, watched)
    sources = sorted(set(watched.sources.values()))
    del model.graph.output[:]
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, None) for source in sources
    )
    path = scratch / "watched.onnx"
    onnx.save(model, path)
    session = OnnxSession(path)
    path.unlink()
    gathered: dict[str, _Totals] = {source: _Totals() for source in sources}
    for batch in batches:
        shown = batch.attention_mask.astype(bool)
        for source, states in session.run(batch).items():
            gathered[source].add(states[shown].astype(np.float64))
    found = {source: totals.inputs() for source, totals in gathered.items()}
    return {name: found[source] for name, source in watched.sources.items()}


class _Totals:
    """Sums over rows, and the extremes, from which `Inputs` come."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum: Any = 0.0
        self._gram: Any = 0.0
        self._low: Any = np.inf
        self._high: Any = -np.inf

    def add(self, rows: NDArray[np.float64]) -> None:
        self._rows += len(rows)
        self._sum = self._sum + rows.sum(axis=0)
        self._gram = self._gram + rows.T @ rows
        self._low = np.minimum(self._low, rows.min(axis=0))
        self._high = np.maximum(self._high, rows.max(axis=0))

    def inputs(self) -> Inputs:
        mean = self._sum / self._rows
        return Inputs(mean, self._gram, np.maximum(self._high - mean, mean - self._low), self._rows)


def centred(weights: Weights, plan: Plan, inputs: dict[str, Inputs]) -> dict[str, Array]:
    """The same network, whose products read inputs of mean zero: exactly equal in its outputs.

    A normalisation that gives x - m is undone in the biases of the products that read it and in the residual sum; an
    attention that averages values without their mean, in the bias of the product behind it. What GELU gives stays.
    """
    out = dict(weights)

    def put_back(product: str, mean: NDArray[np.float64]) -> None:
        lost = weights[f"{product}.weight"].astype(np.float64) @ mean
        out[f"{product}.bias"] = (out[f"{product}.bias"] + lost).astype(np.float32)

    def take_out(bias: str, mean: NDArray[np.float64]) -> None:
        out[bias] = (out[bias] - mean).astype(np.float32)

    before = "encoder.embeddings.LayerNorm"
    for layer in range(plan.layers):
        stem = f"encoder.encoder.layer.{layer}"
        attention, joined = f"{stem}.attention.self", f"{stem}.attention.output.dense"
        mean = inputs[f"{attention}.query"].mean
        take_out(f"{before}.bias", mean)
        for name in ("query", "key", "value"):
            put_back(f"{attention}.{name}", mean)
        take_out(f"{joined}.bias", -mean)
        context = inputs[joined].mean
        take_out(f"{attention}.value.bias", context)
        put_back(joined, context)
        mean = inputs[f"{stem}.intermediate.dense"].mean
        take_out(f"{stem}.attention.output.LayerNorm.bias", mean)
        put_back(f"{stem}.intermediate.dense", mean)
        take_out(f"{stem}.output.dense.bias", -mean)
        before = f"{stem}.output.LayerNorm"
    return out
