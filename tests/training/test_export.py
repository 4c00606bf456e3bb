"""From a checkpoint to a bundle that loads, answers like torch, and never spoils the one that was there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from inference.bundle import BundleRefused, load_bundle, sha256_of
from inference.session import OnnxSession
from training import run as run_module
from training.base import locate
from training.config import Recipe
from training.export import to_onnx
from training.model import build, pad
from training.quantise import per_column, per_row, quantise
from training.run import run

pytestmark = [
    pytest.mark.train,
    # The exporter warns of its own internals.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

weights = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-4, 4, width=32))


@given(weights)
def test_a_column_is_rounded_to_within_half_a_step_and_stays_within_seven_bits(matrix: np.ndarray) -> None:
    integers, scales = per_column(matrix)
    assert np.abs(integers.astype(int)).max() <= 63
    assert np.all(np.abs(integers * scales - matrix) <= scales * 0.501)


@given(weights)
def test_a_row_is_rounded_to_within_half_a_step(table: np.ndarray) -> None:
    integers, scales = per_row(table)
    assert np.all(np.abs(integers * scales - table) <= scales * 0.501)


@pytest.fixture
def network(tiny: Recipe, tmp_path: Path) -> Path:
    torch.manual_seed(3)
    to_onnx(build(tiny, locate(tiny.base), attention="eager"), tmp_path / "fp32.onnx")
    return tmp_path / "fp32.onnx"


def test_onnx_answers_what_torch_answers_for_any_shape(tiny: Recipe, network: Path) -> None:
    torch.manual_seed(3)
    model = build(tiny, locate(tiny.base), attention="sdpa").eval()
    session = OnnxSession(network)
    assert session.heads == ["sentiment", "topic"]
    for rows in ([[2, 5, 6, 3], [2, 3]], [[2, 9, 3]], [[2, *range(4, 17), 3]] * 5):
        ids, mask = pad(rows)
        with torch.inference_mode():
            wanted = model(ids, mask)
        for head, logits in session.run(ids.numpy(), mask.numpy()).items():
            assert logits == pytest.approx(wanted[head].numpy(), abs=1e-5)


def test_int8_stays_close_to_fp32_and_its_rows_do_not_see_each_other(network: Path, tmp_path: Path) -> None:
    onnx.save(quantise(onnx.load(network)), tmp_path / "int8.onnx")
    full, small = OnnxSession(network), OnnxSession(tmp_path / "int8.onnx")
    rows = [[2, n, n + 5, 3] + [7] * (n % 6) for n in range(4, 24)]
    together = small.run(*(t.numpy() for t in pad(rows)))
    for place, row in enumerate(rows):
        alone = small.run(*(t.numpy() for t in pad([row])))
        exact = full.run(*(t.numpy() for t in pad([row])))
        for head in ("sentiment", "topic"):
            assert together[head][place] == pytest.approx(alone[head][0], abs=1e-5)
            assert together[head][place] == pytest.approx(exact[head][0], abs=0.05)


def test_a_matrix_can_be_kept_in_full_precision(network: Path) -> None:
    def products(model: onnx.ModelProto) -> int:
        return sum(node.op_type == "MatMulIntegerToFloat" for node in model.graph.node)

    every = products(quantise(onnx.load(network)))
    assert every == 12  # six per layer
    names = [node.input[1] for node in onnx.load(network).graph.node if node.op_type == "MatMul"]
    weight = next(name for name in names if name in {t.name for t in onnx.load(network).graph.initializer})
    assert products(quantise(onnx.load(network), keep_fp32=[weight])) == every - 1


def test_a_recipe_becomes_a_bundle_that_loads_with_its_figures_and_card(
    tiny: Recipe, data: Path, tmp_path: Path
) -> None:
    figures = run(tiny, tmp_path / "bundle", tmp_path / "work", data=data)
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.version == "tiny-1"
    assert bundle.manifest.metrics["sentiment"]["accuracy"] == pytest.approx(figures.quality["sentiment"].accuracy)
    assert set(figures.quality) == {"sentiment", "sentiment:a", "sentiment:b", "topic"}
    assert figures.quality["sentiment"].accuracy > 0.85
    assert figures.parity["sentiment"].changed < 0.05
    assert "Known failures" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    (answer,) = bundle.engine.answer(["oil falls today"])
    assert max(answer.heads["sentiment"], key=lambda k: answer.heads["sentiment"][k]) == "negative"


def test_a_run_that_fails_leaves_the_bundle_as_it_was(
    tiny: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({"version": "old"}), encoding="utf-8")
    before = sha256_of(out / "manifest.json")

    def refuses(*_: object) -> None:
        raise BundleRefused(out, "golden", "made to fail")

    monkeypatch.setattr(run_module, "export", refuses)
    with pytest.raises(BundleRefused):
        run(tiny, out, tmp_path / "work", data=data)
    assert sha256_of(out / "manifest.json") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
