"""An fp32 ONNX graph to int8, each token quantised by itself.

ONNX Runtime's own dynamic quantisation takes one scale from the whole batch, so a text's answer depends on its
neighbours, and one large activation costs every token its resolution. Here a token's activations get their own
scale (per-token dynamic quantisation, as in Yao et al. 2022, ZeroQuant), a weight matrix one scale per column and
an embedding table one per row.

For a matrix product x W with x of shape (texts, tokens, k):
    s[t] = max |x[t]| / 127              q[t] = round(x[t] / s[t]) + 128       in 1..255
    c[n] = max |W[:, n]| / 63            V[:, n] = round(W[:, n] / c[n])       in -63..63
    x W ~ s[t] c[n] (q - 128) V

Weights keep 7 bits because processors without VNNI add pairs of products in 16 bits: 2 * 255 * 63 fits, so
the integers, and with them the answers, are the same on every processor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

ACTIVATION_STEPS = 127
WEIGHT_STEPS = 63
ZERO_POINT = 128
SMALLEST_SCALE = 1e-12  # a token of zeros divides by this instead of by zero
EMBEDDING_ROWS = 1000  # smaller tables stay fp32: there is nothing to save

FloatArray = NDArray[np.float32]


def per_column(weights: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Integers and scales of a (k, n) matrix, so that integers * scales is close to the matrix.

    >>> integers, scales = per_column(np.array([[1.0, -0.5], [0.25, 0.5]], dtype=np.float32))
    >>> integers.tolist()
    [[63, -63], [16, 63]]
    """
    scales = np.maximum(np.abs(weights).max(axis=0) / WEIGHT_STEPS, SMALLEST_SCALE).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


def per_row(table: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Integers in -127..127 and scales of shape (rows, 1) of an embedding table."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, SMALLEST_SCALE).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


def quantise(model: onnx.ModelProto, keep_fp32: Sequence[str] = ()) -> onnx.ModelProto:
    """The model with its matrix products and large embedding tables in int8.

    Args:
        model: fp32, opset 18 or newer, its first input of shape (texts, tokens).
        keep_fp32: parts of weight names; a matrix whose name contains one stays as it is.
    """
    return _Rewrite(model, keep_fp32).result()


class _Rewrite:
    def __init__(self, model: onnx.ModelProto, keep_fp32: Sequence[str]) -> None:
        self._model = model
        self._keep = keep_fp32
        self._tensors = {t.name: t for t in model.graph.initializer}
        self._added: dict[str, TensorProto] = {}
        self._nodes: list[NodeProto] = []
        self._quantised: dict[str, tuple[str, str]] = {}
        self._shape = ""

    def result(self) -> onnx.ModelProto:
        graph = self._model.graph
        for node in graph.node:
            if node.op_type == "MatMul" and self._is_weight(node.input[1]):
                self._matrix_product(node)
            elif node.op_type == "Gather" and self._is_table(node.input[0]):
                self._lookup(node)
            else:
                self._nodes.append(node)
        for node in self._nodes:
            # The exporter notes where in which source file a node came from: paths of the machine that trained.
            del node.metadata_props[:]
            node.doc_string = ""
        used = {name for node in self._nodes for name in node.input}
        kept = [t for t in graph.initializer if t.name in used]
        new = helper.make_graph(self._nodes, graph.name, graph.input, graph.output, [*kept, *self._added.values()])
        opsets = [*self._model.opset_import, helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(new, opset_imports=opsets, ir_version=self._model.ir_version)

    def _is_weight(self, name: str) -> bool:
        tensor = self._tensors.get(name)
        return tensor is not None and len(tensor.dims) == 2 and not any(part in name for part in self._keep)

    def _is_table(self, name: str) -> bool:
        return self._is_weight(name) and self._tensors[name].dims[0] >= EMBEDDING_ROWS

    def _matrix_product(self, node: NodeProto) -> None:
        source, weight = node.input
        integers, scales = per_column(numpy_helper.to_array(self._tensors[weight]))
        activations, activation_scales = self._activations(source)
        product, scaled = f"{node.output[0]}_product", f"{node.output[0]}_scaled"
        self._nodes += [
            helper.make_node(
                "MatMulIntegerToFloat",
                [
                    activations,
                    self._constant(f"{weight}_int8", integers),
                    self._constant("one", np.array(1.0, dtype=np.float32)),
                    self._constant(f"{weight}_scales", scales),
                    self._constant("zero_point", np.array(ZERO_POINT, dtype=np.uint8)),
                ],
                [product],
                domain="com.microsoft",
            ),
            helper.make_node("Mul", [product, activation_scales], [scaled]),
            helper.make_node("Reshape", [scaled, self._texts_tokens_rest()], [node.output[0]]),
        ]

    def _activations(self, source: str) -> tuple[str, str]:
        """Names of the uint8 activations, shape (texts * tokens, k), and of their scales, shape (texts * tokens, 1)."""
        if source in self._quantised:
            return self._quantised[source]
        n = [f"{source}_{part}" for part in ("rows", "high", "low", "span", "raw", "scale", "scale1", "zeros", "uint8")]
        rows, high, low, span, raw, scale, scale1, zeros, out = n
        last = self._constant("last_axis", np.array([-1], dtype=np.int64))
        self._nodes += [
            helper.make_node("Flatten", [source], [rows], axis=-1),
            helper.make_node("ReduceMax", [rows, last], [high], keepdims=1),
            helper.make_node("ReduceMin", [rows, last], [low], keepdims=1),
            helper.make_node("Neg", [low], [f"{low}_flipped"]),
            helper.make_node("Max", [high, f"{low}_flipped"], [span]),
            helper.make_node(
                "Div", [span, self._constant("steps", np.array(ACTIVATION_STEPS, dtype=np.float32))], [raw]
            ),
            helper.make_node(
                "Max", [raw, self._constant("smallest", np.array(SMALLEST_SCALE, dtype=np.float32))], [scale]
            ),
            helper.make_node("Squeeze", [scale, last], [scale1]),
            helper.make_node("Shape", [scale1], [f"{scale1}_shape"]),
            helper.make_node(
                "Expand",
                [self._constant("zero_point", np.array(ZERO_POINT, dtype=np.uint8)), f"{scale1}_shape"],
                [zeros],
            ),
            helper.make_node("QuantizeLinear", [rows, scale1, zeros], [out], axis=0),
        ]
        self._quantised[source] = out, scale
        return out, scale

    def _lookup(self, node: NodeProto) -> None:
        table, places = node.input
        integers, scales = per_row(numpy_helper.to_array(self._tensors[table]))
        rows, floats, row_scales = (f"{node.output[0]}_{part}" for part in ("int8", "float", "scales"))
        self._nodes += [
            helper.make_node("Gather", [self._constant(f"{table}_int8", integers), places], [rows], axis=0),
            helper.make_node("Cast", [rows], [floats], to=TensorProto.FLOAT),
            helper.make_node("Gather", [self._constant(f"{table}_scales", scales), places], [row_scales], axis=0),
            helper.make_node("Mul", [floats, row_scales], [node.output[0]]),
        ]

    def _texts_tokens_rest(self) -> str:
        """The name of the shape (texts, tokens, -1), computed once from the first input."""
        if not self._shape:
            self._shape = "texts_tokens_rest"
            self._nodes += [
                helper.make_node("Shape", [self._model.graph.input[0].name], ["texts_tokens"]),
                helper.make_node(
                    "Concat",
                    ["texts_tokens", self._constant("last_axis", np.array([-1], dtype=np.int64))],
                    [self._shape],
                    axis=0,
                ),
            ]
        return self._shape

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        if name not in self._added:
            self._added[name] = numpy_helper.from_array(value, name)
        return name
