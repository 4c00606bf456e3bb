"""Matrix products and embedding tables in int8, each token quantised by itself.

ONNX Runtime's own dynamic quantisation takes one scale from the whole batch, so a text's answer depends on its
neighbours, and one large activation costs every token its resolution. Here a token's activations get their own
scale (per-token dynamic quantisation, as in Yao et al. 2022, ZeroQuant), a weight matrix one scale per column and
an embedding table one per row.

For a product x W with x of shape (tokens, k):
    s[t] = max |x[t]| / 127               q[t] = round(x[t] / s[t]) + 128        in 1..255
    c[n] of column n                      V[:, n] ~ W[:, n] / c[n]               integers
    x W ~ s[t] c[n] (q - 128) V
What GELU gives is never below -0.17, so there half the codes would be idle: its zero is GELU_ZERO instead of 128.

Processors without VNNI add products of rows 2j and 2j + 1 in 16 bits before they add on in 32. With q <= 255 a sum of
two stays within 16 bits where the positive parts of V[2j, n] and V[2j + 1, n] are at most 128 together, and so the
negative ones. That is all that weights are held to: one of a pair may use 8 bits whole. So the integers, and with
them the answers, are the same on every processor.

Weights are rounded one row after the other; what a row loses is made good by the rows that are still to come, weighted
by how inputs move together (Frantar et al. 2022, GPTQ).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.graph import MICROSOFT, Exact, Graph

CODES = 255
SYMMETRIC_ZERO = 128
GELU_ZERO = 16
GELU_LOWEST = 0.17  # GELU's minimum is -0.16997
WEIGHT_STEPS = 127
PAIR_STEPS = 128
SMALLEST_SCALE = 1e-12  # a token of zeros divides by this instead of by zero
EMBEDDING_ROWS = 1000  # smaller tables stay fp32: there is nothing to save
SMOOTHING = 0.7  # how much of a channel's range the weights take over
DAMPING = 0.01  # of the mean input power, as in the paper
BLOCK = 64

FloatArray = NDArray[np.floating]
Integers = NDArray[np.int8]


def column_scales(weights: FloatArray) -> NDArray[np.float64]:
    """Scales per column of a (k, n) matrix, k even, at which its integers meet the rule of pairs by themselves.

    >>> column_scales(np.array([[127.0, 64.0], [-50.0, 64.0]])).tolist()
    [1.0, 1.0]
    """
    up, down = np.maximum(weights, 0).astype(np.float64), np.maximum(-weights, 0).astype(np.float64)
    pairs = np.maximum((up[0::2] + up[1::2]).max(axis=0), (down[0::2] + down[1::2]).max(axis=0))
    singles = np.abs(weights).max(axis=0)
    scales: NDArray[np.float64] = np.maximum(np.maximum(singles / WEIGHT_STEPS, pairs / PAIR_STEPS), SMALLEST_SCALE)
    return scales


def integers_of(weights: FloatArray, scales: NDArray[np.float64], gram: NDArray[np.float64] | None = None) -> Integers:
    """The integers of a (k, n) matrix, k even.

    Args:
        weights: the matrix.
        scales: per column.
        gram: x' x of inputs x of shape (tokens, k), for rounding that makes good; without it to the nearest.
    """
    rest = weights.astype(np.float64)
    upper = np.eye(len(rest)) if gram is None else _upper(gram)
    out = np.zeros(rest.shape)
    for start in range(0, len(rest), BLOCK):
        end = min(start + BLOCK, len(rest))
        lost = np.zeros((end - start, rest.shape[1]))
        for row in range(start, end):
            low, high = _allowed(out[row - 1]) if row % 2 else (-WEIGHT_STEPS, WEIGHT_STEPS)
            out[row] = np.clip(np.rint(rest[row] / scales), low, high)
            lost[row - start] = (rest[row] - out[row] * scales) / upper[row, row]
            if gram is not None:
                rest[row + 1 : end] -= np.outer(upper[row, row + 1 : end], lost[row - start])
        if gram is not None:
            rest[end:] -= upper[start:end, end:].T @ lost
    return out.astype(np.int8)


def _allowed(first: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest integer of a pair's second, given its first."""
    low = -np.minimum(WEIGHT_STEPS, PAIR_STEPS - np.maximum(-first, 0))
    high = np.minimum(WEIGHT_STEPS, PAIR_STEPS - np.maximum(first, 0))
    return low, high


def _upper(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper Cholesky factor of the damped gram's inverse."""
    power = np.diag(gram)
    damped = gram + np.diag(np.where(power > 0, DAMPING * power.mean(), 1.0))
    return np.linalg.cholesky(np.linalg.inv(damped)).T


def smoothing(largest: FloatArray, weights: FloatArray) -> NDArray[np.float64]:
    """Divisors of a product's input channels, shape (k,), geometric mean 1 (Xiao et al. 2023, SmoothQuant, eq. 4).

    A channel that is larger than the others takes their codes; divided, it gives its range to its row of the matrix,
    where a larger number costs only the columns that it is in.

    Args:
        largest: absolute input per channel, (k,).
        weights: (k, n); of several products with one input, side by side.
    """
    inputs = np.maximum(largest.astype(np.float64), SMALLEST_SCALE)
    rows = np.maximum(np.abs(weights).max(axis=1).astype(np.float64), SMALLEST_SCALE)
    raw = inputs**SMOOTHING / rows ** (1 - SMOOTHING)
    divisors: NDArray[np.float64] = raw / np.exp(np.log(raw).mean())
    return divisors


def per_row(table: FloatArray) -> tuple[Integers, NDArray[np.float32]]:
    """Integers in -127..127 and scales of shape (rows, 1) of an embedding table."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, SMALLEST_SCALE).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


class Int8:
    """The arithmetic of the int8 file.

    Args:
        grams: product's name -> x' x of its inputs; a product that is not there is rounded to the nearest.
        divisors: product's name -> divisors of its input channels; products with one input share them.
        after_gelu: end of the names of products whose input is what GELU gives.
        keep_fp32: parts of product names; a product whose name contains one is multiplied in floating point.
    """

    def __init__(
        self,
        grams: Mapping[str, NDArray[np.float64]] | None = None,
        divisors: Mapping[str, NDArray[np.float64]] | None = None,
        *,
        after_gelu: str = ".output.dense",
        keep_fp32: tuple[str, ...] = (),
    ) -> None:
        self._grams = grams or {}
        self._divisors = divisors or {}
        self._after_gelu = after_gelu
        self._keep = keep_fp32
        self._quantised: dict[str, tuple[str, str]] = {}

    def product(self, graph: Graph, source: str, name: str, weight: FloatArray) -> str:
        """Quantise the source once, multiply integers, scale back."""
        if any(part in name for part in self._keep):
            # Stored in half, multiplied in full: ONNX Runtime widens a constant once, when it loads.
            half = graph.constant(f"{name}.half", weight.astype(np.float16))
            return graph.add("MatMul", [source, graph.cast(half)])
        divisors, gram = self._divisors.get(name), self._grams.get(name)
        if divisors is not None:
            weight = weight * divisors[:, None]
            gram = None if gram is None else gram / np.outer(divisors, divisors)
        scales = column_scales(weight)
        integers = integers_of(weight, scales, gram)
        gelu = name.endswith(self._after_gelu) and "attention" not in name
        codes, token_scales = self._codes(graph, source, name, divisors, gelu=gelu)
        product = graph.add(
            "MatMulIntegerToFloat",
            [
                codes,
                graph.constant(f"{name}.int8", integers),
                graph.number("unit", 1.0),
                graph.constant(f"{name}.scales", scales.astype(np.float32)),
                _zero(graph, gelu=gelu),
            ],
            domain=MICROSOFT,
        )
        scaled = graph.add("Mul", [product, token_scales])
        return graph.add("Reshape", [scaled, self._shape(graph)])

    def lookup(self, graph: Graph, name: str, table: FloatArray, places: str) -> str:
        """Integers of the rows, times their scales."""
        if len(table) < EMBEDDING_ROWS:
            return Exact().lookup(graph, name, table, places)
        integers, scales = per_row(table)
        rows = graph.cast(graph.add("Gather", [graph.constant(f"{name}.int8", integers), places]))
        return graph.add("Mul", [rows, graph.add("Gather", [graph.constant(f"{name}.scales", scales), places])])

    def _codes(
        self, graph: Graph, source: str, name: str, divisors: NDArray[np.float64] | None, *, gelu: bool
    ) -> tuple[str, str]:
        """Names of the uint8 codes, shape (texts * tokens, k), and of their scales, shape (texts * tokens, 1)."""
        if source not in self._quantised:
            rows = source
            if divisors is not None:
                rows = graph.add("Mul", [rows, graph.constant(f"{name}.smoothing", (1 / divisors).astype(np.float32))])
            rows = graph.add("Flatten", [rows], axis=2)
            if gelu:
                high = graph.add("ReduceMax", [rows, graph.integers(1)], keepdims=0)
                step, least = 1 / (CODES - GELU_ZERO), GELU_LOWEST / GELU_ZERO
            else:
                high = graph.add("ReduceMax", [graph.add("Abs", [rows]), graph.integers(1)], keepdims=0)
                step, least = 1 / (CODES - SYMMETRIC_ZERO), SMALLEST_SCALE
            kind = "gelu" if gelu else "symmetric"
            raw = graph.add("Mul", [high, graph.number(f"step_{kind}", step)])
            scales = graph.add("Max", [raw, graph.number(f"least_{kind}", least)])
            zeros = graph.add("Expand", [_zero(graph, gelu=gelu), graph.add("Shape", [scales])])
            codes = graph.add("QuantizeLinear", [rows, scales, zeros], axis=0)
            self._quantised[source] = codes, graph.add("Unsqueeze", [scales, graph.integers(1)])
        return self._quantised[source]

    @staticmethod
    def _shape(graph: Graph) -> str:
        """The shape (texts, tokens, -1), from the ids, computed once."""
        name = "texts_tokens_rest"
        if not any(name in node.output for node in graph.nodes):
            graph.add("Concat", [graph.add("Shape", ["input_ids"]), graph.integers(-1)], output=name, axis=0)
        return name


def _zero(graph: Graph, *, gelu: bool) -> str:
    code = GELU_ZERO if gelu else SYMMETRIC_ZERO
    return graph.constant(f"zero_{code}", np.array(code, dtype=np.uint8))
