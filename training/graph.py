"""A BERT with heads, straight from its weights to an ONNX graph: nothing is traced, so nothing is left over.

Two forms of one network:
    fused   ONNX Runtime's own operators (attention with mask and biases, skip connection with normalisation and bias,
            GELU with bias). Between two matrix products nothing is read or written twice. What the CPU runs.
    plain   operators of the ONNX standard alone, which TensorRT and OpenVINO take whole.
An `Arithmetic` says how a matrix product and a look-up in an embedding table are computed: `Exact` here, int8 in
training/quantise.py.

Inputs: input_ids and attention_mask (texts, tokens); where a head reads mentions, mention_mask (mentions, tokens) and
mention_text (mentions,), all int64, there may be no mentions. Outputs: one per head, float32, shape (texts, labels) or
(mentions, labels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.as_bert import DISTANCES, Array, Weights, as_bert

MICROSOFT = "com.microsoft"
OPSET = 20  # the first with GELU
IR_VERSION = 10
MASKED = -10_000.0  # what is added to the score of a padded token; exp of it is 0, and it fits 16 bits


@dataclass(frozen=True, slots=True)
class Plan:
    """What the weights do not say of the network.

    Attributes:
        layers: of the encoder.
        attention_heads: per layer.
        epsilon: of the layer normalisations.
        pooling: how a text's states become one vector.
        heads: (name, "text" or "mention"), in the order of the outputs.
    """

    layers: int
    attention_heads: int
    epsilon: float
    pooling: Literal["mean", "cls"]
    heads: Sequence[tuple[str, str]]

    @property
    def reads_mentions(self) -> bool:
        """Whether the graph has the two inputs for mentions."""
        return any(reads == "mention" for _, reads in self.heads)


class Graph:
    """Nodes and constants as they are added.

    Args:
        floats: element type of weights and states.
    """

    def __init__(self, floats: type[np.floating[Any]] = np.float32) -> None:
        self.floats = floats
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._names = 0

    def add(
        self, operator: str, inputs: Sequence[str], *, domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Add a node of one output and return the output's name."""
        self._names += 1
        name = output or f"{operator}_{self._names}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """A constant by name, once; floats in the graph's element type, but for those that come in 16 bits."""
        if name not in self._constants:
            kept = value.astype(self.floats) if value.dtype in (np.float32, np.float64) else value
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(kept), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant of shape (values,) int64."""
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def number(self, name: str, value: float) -> str:
        """A float constant without axes."""
        return self.constant(name, np.array(value, dtype=np.float32))

    def cast(self, source: str) -> str:
        """A tensor as floats of the graph's element type."""
        return self.add("Cast", [source], to=helper.np_dtype_to_tensor_dtype(np.dtype(self.floats)))

    def model(self, inputs: Mapping[str, Sequence[str]], outputs: Mapping[str, Sequence[str | int]]) -> onnx.ModelProto:
        """The graph with int64 inputs and float32 outputs of the given shapes."""
        graph = helper.make_graph(
            self.nodes,
            "tocsin",
            [helper.make_tensor_value_info(n, TensorProto.INT64, list(shape)) for n, shape in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(shape)) for n, shape in outputs.items()],
            list(self._constants.values()),
        )
        domains = {node.domain for node in self.nodes if node.domain}
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tocsin")


class Arithmetic(Protocol):
    """How products and look-ups are computed."""

    def product(self, graph: Graph, source: str, name: str, weight: Array) -> str:
        """The name of source x weight; source has shape (..., k), weight (k, n)."""

    def lookup(self, graph: Graph, name: str, table: Array, places: str) -> str:
        """The name of the rows of a (rows, width) table at int64 places."""


class Exact:
    """In floating point."""

    def product(self, graph: Graph, source: str, name: str, weight: Array) -> str:
        """One MatMul."""
        return graph.add("MatMul", [source, graph.constant(name, weight)])

    def lookup(self, graph: Graph, name: str, table: Array, places: str) -> str:
        """One Gather."""
        return graph.add("Gather", [graph.constant(name, table), places])


def build_graph(
    weights: Weights,
    plan: Plan,
    arithmetic: Arithmetic | None = None,
    *,
    fused: bool = True,
    floats: type[np.floating[Any]] = np.float32,
) -> onnx.ModelProto:
    """The network as an ONNX model.

    Args:
        weights: a checkpoint's: `encoder.*` as transformers names a BERT's or an MPNet's, `heads.*` as
            training/model.py does.
        plan: its shape.
        arithmetic: exact where it is not given.
        fused: see the head of this module.
        floats: float32, or float16 for GPUs.
    """
    build = _Build(as_bert(weights), plan, arithmetic or Exact(), fused, Graph(floats))
    return build.model()


class _Build:
    def __init__(self, weights: Weights, plan: Plan, arithmetic: Arithmetic, fused: bool, graph: Graph) -> None:
        self.weights, self.plan, self.arithmetic, self.fused, self.g = weights, plan, arithmetic, fused, graph
        self.width = weights["encoder.embeddings.position_embeddings.weight"].shape[1]

    def model(self) -> onnx.ModelProto:
        ints = {"input_ids": ["texts", "tokens"], "attention_mask": ["texts", "tokens"]}
        if self.plan.reads_mentions:
            ints |= {"mention_mask": ["mentions", "tokens"], "mention_text": ["mentions"]}
        self._masks()
        states = self._embeddings()
        for layer in range(self.plan.layers):
            states = self._layer(states, f"encoder.encoder.layer.{layer}")
        outputs = self._heads(states)
        return self.g.model(ints, outputs)

    def _masks(self) -> None:
        g = self.g
        if self.fused:
            self.mask = g.add("Cast", ["attention_mask"], to=TensorProto.INT32)
        else:
            padded = g.add("Sub", [g.number("one", 1.0), g.cast("attention_mask")])
            scores = g.add("Mul", [padded, g.number("masked", MASKED)])
            self.mask = g.add("Unsqueeze", [scores, g.integers(1, 2)])  # (texts, 1, 1, tokens)
        self.distances = self._distances() if DISTANCES in self.weights else ""

    def _distances(self) -> str:
        """What every attention score gains by the distance from query to key, shape (1, heads, tokens, tokens)."""
        g = self.g
        tokens = g.add("Squeeze", [g.add("Shape", ["input_ids"], start=1, end=2)])
        zero, one = (g.constant(f"int_{n}", np.array(n, dtype=np.int64)) for n in (0, 1))
        places = g.add("Range", [zero, tokens, one])
        apart = g.add("Sub", [g.add("Unsqueeze", [places, g.integers(0)]), g.add("Unsqueeze", [places, g.integers(1)])])
        middle = g.constant("middle", np.array(self.weights[DISTANCES].shape[1] // 2, dtype=np.int64))
        rows = g.add("Gather", [self._weight(DISTANCES), g.add("Add", [apart, middle])], axis=1)
        return g.add("Unsqueeze", [rows, g.integers(0)])

    def _embeddings(self) -> str:
        g, stem = self.g, "encoder.embeddings"
        words = self.arithmetic.lookup(g, f"{stem}.word", self.weights[f"{stem}.word_embeddings.weight"], "input_ids")
        # Every token is of type 0, so the first type's row is a part of every position.
        rest = (
            self.weights[f"{stem}.position_embeddings.weight"] + self.weights[f"{stem}.token_type_embeddings.weight"][0]
        )
        tokens = g.add("Shape", ["input_ids"], start=1, end=2)
        places = g.add("Slice", [g.constant(f"{stem}.position", rest), g.integers(0), tokens, g.integers(0)])
        return self._normalised(words, g.add("Unsqueeze", [places, g.integers(0)]), f"{stem}.LayerNorm", None)

    def _layer(self, states: str, stem: str) -> str:
        queries, keys, values = (
            self._product(states, f"{stem}.attention.self.{name}") for name in ("query", "key", "value")
        )
        context = self._attention(queries, keys, values, f"{stem}.attention.self")
        joined = self._product(context, f"{stem}.attention.output.dense")
        states = self._normalised(
            joined, states, f"{stem}.attention.output.LayerNorm", f"{stem}.attention.output.dense.bias"
        )
        up = self._gelu(self._product(states, f"{stem}.intermediate.dense"), f"{stem}.intermediate.dense.bias")
        down = self._product(up, f"{stem}.output.dense")
        return self._normalised(down, states, f"{stem}.output.LayerNorm", f"{stem}.output.dense.bias")

    def _product(self, source: str, stem: str) -> str:
        return self.arithmetic.product(self.g, source, stem, self.weights[f"{stem}.weight"].T)

    def _weight(self, name: str) -> str:
        return self.g.constant(name, self.weights[name])

    def _normalised(self, new: str, skip: str, norm: str, bias: str | None) -> str:
        """Layer normalisation of new + bias + skip (Ba et al. 2016)."""
        g = self.g
        scale, shift = self._weight(f"{norm}.weight"), self._weight(f"{norm}.bias")
        if self.fused:
            inputs = [new, skip, scale, shift, *([self._weight(bias)] if bias else [])]
            return g.add("SkipLayerNormalization", inputs, domain=MICROSOFT, epsilon=self.plan.epsilon)
        total = g.add("Add", [new, skip])
        if bias:
            total = g.add("Add", [total, self._weight(bias)])
        return g.add("LayerNormalization", [total, scale, shift], axis=-1, epsilon=self.plan.epsilon)

    def _gelu(self, source: str, bias: str) -> str:
        if self.fused:
            return self.g.add("BiasGelu", [source, self._weight(bias)], domain=MICROSOFT)
        return self.g.add("Gelu", [self.g.add("Add", [source, self._weight(bias)])])

    def _attention(self, queries: str, keys: str, values: str, stem: str) -> str:
        """Scaled dot-product attention over the tokens that the mask shows (Vaswani et al. 2017)."""
        g, heads = self.g, self.plan.attention_heads
        names = [f"{stem}.{name}.bias" for name in ("query", "key", "value")]
        if self.fused:
            biases = g.constant(f"{stem}.bias", np.concatenate([self.weights[name] for name in names]))
            inputs = [queries, keys, values, biases, self.mask, *([self.distances] if self.distances else [])]
            return g.add("MultiHeadAttention", inputs, domain=MICROSOFT, num_heads=heads, mask_filter_value=MASKED)
        split = g.integers(0, 0, heads, self.width // heads)
        parts = [
            g.add("Reshape", [g.add("Add", [source, self._weight(name)]), split])
            for source, name in zip((queries, keys, values), names, strict=True)
        ]
        q, v = (g.add("Transpose", [parts[n]], perm=[0, 2, 1, 3]) for n in (0, 2))
        scores = g.add("MatMul", [q, g.add("Transpose", [parts[1]], perm=[0, 2, 3, 1])])
        scores = g.add("Mul", [scores, g.number("scale", (self.width // heads) ** -0.5)])
        if self.distances:
            scores = g.add("Add", [scores, self.distances])
        shares = g.add("Softmax", [g.add("Add", [scores, self.mask])], axis=-1)
        context = g.add("Transpose", [g.add("MatMul", [shares, v])], perm=[0, 2, 1, 3])
        return g.add("Reshape", [context, g.integers(0, 0, self.width)])

    def _mean(self, states: str, mask: str) -> str:
        """Mean of states (rows, tokens, width) over the tokens of a mask (rows, tokens); zeros where it shows none."""
        g = self.g
        shown = g.cast(mask)
        total = g.add("MatMul", [g.add("Unsqueeze", [shown, g.integers(1)]), states])
        count = g.add("ReduceSum", [shown, g.integers(1)], keepdims=1)
        count = g.add("Max", [count, g.number("one", 1.0)])
        return g.add("Div", [g.add("Squeeze", [total, g.integers(1)]), count])

    def _heads(self, states: str) -> dict[str, Sequence[str | int]]:
        g = self.g
        if self.plan.pooling == "mean":
            pooled = self._mean(states, "attention_mask")
        else:
            pooled = g.add("Gather", [states, g.constant("first", np.array(0, dtype=np.int64))], axis=1)
        mention = ""
        if self.plan.reads_mentions:
            own = self._mean(g.add("Gather", [states, "mention_text"]), "mention_mask")
            mention = g.add("Concat", [own, g.add("Gather", [pooled, "mention_text"])], axis=-1)
        outputs: dict[str, Sequence[str | int]] = {}
        for name, reads in self.plan.heads:
            stem = f"heads.{name}"
            if reads == "mention":
                hidden = g.add("Gelu", [self._linear(mention, f"{stem}.hidden")])
                logits, last = self._linear(hidden, f"{stem}.out"), f"{stem}.out"
            else:
                logits, last = self._linear(pooled, stem), stem
            g.add("Cast", [logits], output=name, to=TensorProto.FLOAT)
            outputs[name] = ["mentions" if reads == "mention" else "texts", len(self.weights[f"{last}.bias"])]
        return outputs

    def _linear(self, source: str, stem: str) -> str:
        product = self.g.add("MatMul", [source, self.g.constant(f"{stem}.weight", self.weights[f"{stem}.weight"].T)])
        return self.g.add("Add", [product, self._weight(f"{stem}.bias")])
