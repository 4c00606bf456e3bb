"""Integers for weights and tokens: close, independent of neighbours, and the same on every processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.engine import Padded
from inference.session import OnnxSession
from training.graph import Graph, Plan, build_graph
from training.quantise import Int8, column_scales, integers_of, per_row, smoothing

pytestmark = pytest.mark.train

matrices = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float32, (2 * shape[0], shape[1]), elements=st.floats(-4, 4, width=32))
)


def breaks_the_rule_of_pairs(integers: np.ndarray) -> bool:
    wide = integers.astype(int)
    up, down = np.maximum(wide, 0), np.maximum(-wide, 0)
    return bool(max((up[0::2] + up[1::2]).max(), (down[0::2] + down[1::2]).max()) > 128)


@settings(deadline=None)
@given(matrices)
def test_a_weight_is_rounded_to_within_half_a_step_but_for_a_pair_at_its_limit(matrix: np.ndarray) -> None:
    scales = column_scales(matrix)
    integers = integers_of(matrix, scales)
    assert not breaks_the_rule_of_pairs(integers)
    # Two halves may both round up to the limit; then one of them gives way by a step.
    assert np.all(np.abs(integers * scales - matrix) <= scales * 1.501)


@settings(deadline=None)
@given(matrices, st.integers(0, 1000))
def test_rounding_that_makes_good_keeps_the_rule_of_pairs(matrix: np.ndarray, seed: int) -> None:
    inputs = np.random.default_rng(seed).standard_normal((30, len(matrix)))
    assert not breaks_the_rule_of_pairs(integers_of(matrix, column_scales(matrix), inputs.T @ inputs))


def test_rounding_that_makes_good_answers_closer_than_rounding_to_the_nearest() -> None:
    random = np.random.default_rng(2)
    inputs = random.standard_normal((400, 8)) @ random.standard_normal((8, 64)) + 0.1 * random.standard_normal(
        (400, 64)
    )
    matrix = random.standard_normal((64, 32))
    scales = column_scales(matrix)

    def error(integers: np.ndarray) -> float:
        return float(np.square(inputs @ (integers * scales - matrix)).mean())

    assert error(integers_of(matrix, scales, inputs.T @ inputs)) < 0.5 * error(integers_of(matrix, scales))


@settings(deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(-4, 4, width=32)))
def test_an_embedding_is_rounded_to_within_half_a_step(table: np.ndarray) -> None:
    integers, scales = per_row(table)
    assert np.all(np.abs(integers * scales - table) <= scales * 0.501)


def test_smoothing_divides_most_where_inputs_are_largest_and_changes_no_product() -> None:
    divisors = smoothing(np.array([1.0, 100.0]), np.ones((2, 3)))
    assert divisors[1] > divisors[0]
    assert np.prod(divisors) == pytest.approx(1)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_sums_of_two_products_never_leave_16_bits(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix = random.standard_normal((64, 8)) ** 3
    integers = integers_of(matrix, column_scales(matrix)).astype(int)
    for codes in (np.where(integers > 0, 255, 0), np.where(integers < 0, 255, 0)):
        pairs = (codes * integers)[0::2] + (codes * integers)[1::2]
        assert np.abs(pairs).max() <= 32_767


def product(matrix: np.ndarray, name: str, folder: Path) -> OnnxSession:
    """A network that is one int8 product of the embedded ids."""
    graph = Graph()
    rows = graph.add("Gather", [graph.constant("table", np.load(folder / "table.npy")), "input_ids"])
    graph.add("Identity", [Int8().product(graph, rows, name, matrix)], output="out")
    onnx.save(graph.model({"input_ids": ["texts", "tokens"]}, {"out": ["texts", "tokens", 1]}), folder / "product.onnx")
    return OnnxSession(folder / "product.onnx")


def test_the_extremes_come_out_as_integers_of_any_width_would_say(tmp_path: Path) -> None:
    """Codes at both ends against weights at their limits: where this processor saturated, this would show it."""
    random = np.random.default_rng(1)
    matrix = np.sign(random.standard_normal((64, 16))) * random.choice([1.0, 0.008], (64, 16))
    table = np.sign(random.standard_normal((50, 64))).astype(np.float32)
    np.save(tmp_path / "table.npy", table)
    ids = np.arange(50, dtype=np.int64).reshape(5, 10)
    said = product(matrix, "m", tmp_path).run(Padded(ids, ids, ids, ids))["out"]
    scales = column_scales(matrix)
    wanted = (table @ (integers_of(matrix, scales).astype(np.float64) * scales)).reshape(5, 10, 16)
    assert said == pytest.approx(wanted, rel=1e-5, abs=1e-4)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxSession, OnnxSession]:
    """A random BERT of two layers in fp32 and int8."""
    folder = tmp_path_factory.mktemp("networks")
    random = np.random.default_rng(9)
    shapes = {"attention.self.query": (32, 32), "attention.self.key": (32, 32), "attention.self.value": (32, 32)}
    shapes |= {"attention.output.dense": (32, 32), "intermediate.dense": (64, 32), "output.dense": (32, 64)}
    weights = {"heads.sentiment.weight": random.standard_normal((3, 32)), "heads.sentiment.bias": np.zeros(3)}
    embeddings = {"word": 1200, "position": 64, "token_type": 2}
    for name, rows in embeddings.items():
        weights[f"encoder.embeddings.{name}_embeddings.weight"] = random.standard_normal((rows, 32))
    norms = ["encoder.embeddings.LayerNorm"]
    for layer in range(2):
        stem = f"encoder.encoder.layer.{layer}"
        for name, shape in shapes.items():
            weights[f"{stem}.{name}.weight"] = 0.2 * random.standard_normal(shape)
            weights[f"{stem}.{name}.bias"] = 0.1 * random.standard_normal(shape[0])
        norms += [f"{stem}.attention.output.LayerNorm", f"{stem}.output.LayerNorm"]
    for norm in norms:
        weights[f"{norm}.weight"], weights[f"{norm}.bias"] = np.ones(32), 0.1 * random.standard_normal(32)
    floats = {name: value.astype(np.float32) for name, value in weights.items()}
    plan = Plan(2, 2, 1e-12, "mean", [("sentiment", "text")])
    onnx.save(build_graph(floats, plan), folder / "fp32.onnx")
    onnx.save(build_graph(floats, plan, Int8()), folder / "int8.onnx")
    return OnnxSession(folder / "fp32.onnx"), OnnxSession(folder / "int8.onnx")


def padded(rows: list[list[int]]) -> Padded:
    longest = max(map(len, rows))
    ids = np.array([row + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
    return Padded(ids, mask, mask[:0], np.zeros(0, np.int64))


def test_int8_stays_close_to_fp32_and_its_rows_do_not_see_each_other(networks: tuple[OnnxSession, OnnxSession]) -> None:
    full, small = networks
    rows = [[2, n, n + 5, 3] + [7] * (n % 6) for n in range(4, 24)]
    together, exact = (network.run(padded(rows))["sentiment"] for network in (small, full))
    for place, row in enumerate(rows):
        for network, said in ((small, together), (full, exact)):
            assert said[place] == pytest.approx(network.run(padded([row]))["sentiment"][0], abs=1e-5)
    # Each of twelve products is about 1 % off by rounding; together they stay within 5 %.
    assert np.square(together - exact).mean() < 0.05**2 * exact.var()


def test_a_product_can_be_kept_in_full_precision() -> None:
    kept = Graph()
    Int8(keep_fp32=("value",)).product(kept, "x", "layer.0.value", np.ones((2, 2)))
    assert [node.op_type for node in kept.nodes] == ["Cast", "MatMul"]
