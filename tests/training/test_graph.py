"""The graph that is built from a checkpoint's weights is the network that was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import MPNetConfig, MPNetModel
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from inference.engine import Padded
from inference.session import OnnxSession
from training.as_bert import as_bert, distance_buckets
from training.base import locate
from training.calibrate import centred, watch
from training.config import Head, Recipe
from training.export import plan_of
from training.graph import Plan, build_graph
from training.model import MultiHead, build

pytestmark = pytest.mark.train
HEADS = [
    Head(name="sentiment", labels=["negative", "neutral", "positive"]),
    Head(name="mention", labels=["negative", "neutral", "positive"], reads="mention"),
]


def batch(rows: list[list[int]], mentions: list[tuple[int, list[int]]]) -> Padded:
    longest = max(map(len, rows))
    ids, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), np.int64)
    mention_mask = np.zeros((len(mentions), longest), np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row)], mask[n, : len(row)] = row, 1
    for n, (_, places) in enumerate(mentions):
        mention_mask[n, places] = 1
    return Padded(ids, mask, mention_mask, np.array([row for row, _ in mentions], dtype=np.int64))


BATCHES = [
    batch([[2, 5, 6, 3], [2, 3]], [(0, [1, 2]), (1, [0]), (0, [2])]),
    batch([[2, 9, 3]], []),
    batch([[2, *range(4, 17), 3]] * 5, [(4, [3])]),
]


@pytest.fixture(scope="module")
def bert(base: Path) -> tuple[MultiHead, Plan]:
    recipe = Recipe.model_validate(
        {
            "version": "t",
            "languages": ["en"],
            "max_tokens": 16,
            "base": {"name": "t", "licence": "none", "folder": str(base)},
            "heads": [head.model_dump() for head in HEADS],
            "sets": [],
            "schedule": {"epochs": 1, "batch_size": 1, "learning_rate": 1.0},
        }
    )
    torch.manual_seed(3)
    return build(recipe, locate(recipe.base)).eval(), plan_of(recipe, locate(recipe.base))


def weights_of(model: MultiHead) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


def session(model: onnx.ModelProto, folder: Path) -> OnnxSession:
    onnx.save(model, folder / "network.onnx")
    return OnnxSession(folder / "network.onnx")


def logits(model: MultiHead, given: Padded) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        return {head: z.numpy() for head, z in model(*(torch.from_numpy(part) for part in given)).items()}


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
def test_the_graph_answers_what_torch_answers_for_any_shape(
    bert: tuple[MultiHead, Plan], tmp_path: Path, fused: bool
) -> None:
    model, plan = bert
    network = session(build_graph(weights_of(model), plan, fused=fused), tmp_path)
    assert network.heads == ["sentiment", "mention"]
    for given in BATCHES:
        wanted = logits(model, given)
        for head, said in network.run(given).items():
            assert said.shape == wanted[head].shape
            assert said == pytest.approx(wanted[head], abs=1e-5)


def test_sixteen_bits_stay_close(bert: tuple[MultiHead, Plan], tmp_path: Path) -> None:
    model, plan = bert
    network = session(build_graph(weights_of(model), plan, fused=False, floats=np.float16), tmp_path)
    for given in BATCHES:
        wanted = logits(model, given)
        for head, said in network.run(given).items():
            assert said.dtype == np.float32
            assert said == pytest.approx(wanted[head], abs=0.01)


def test_a_network_of_mean_zero_inputs_is_the_same_network(bert: tuple[MultiHead, Plan], tmp_path: Path) -> None:
    model, plan = bert
    weights = weights_of(model)
    inputs = watch(weights, plan, BATCHES, tmp_path)
    shifted = centred(weights, plan, inputs)
    network = session(build_graph(shifted, plan), tmp_path)
    for given in BATCHES:
        wanted = logits(model, given)
        for head, said in network.run(given).items():
            assert said == pytest.approx(wanted[head], abs=1e-5)
    for name, own in watch(shifted, plan, BATCHES, tmp_path).items():
        if name.endswith(".output.dense") and ".attention." not in name:
            continue
        assert own.mean == pytest.approx(0, abs=1e-5), name


def test_padding_and_what_is_padded_with_do_not_enter_what_the_int8_file_is_fitted_to(
    bert: tuple[MultiHead, Plan], tmp_path: Path
) -> None:
    model, plan = bert
    alone = watch(weights_of(model), plan, [batch([[2, 9, 3]], [])], tmp_path)
    padded = watch(weights_of(model), plan, [batch([[2, 9, 3], [2, 4, 4, 4, 3]], [])], tmp_path)
    beside = watch(weights_of(model), plan, [batch([[2, 4, 4, 4, 3]], [])], tmp_path)
    for name, own in padded.items():
        assert own.tokens == alone[name].tokens + beside[name].tokens == 8
        assert own.gram == pytest.approx(alone[name].gram + beside[name].gram, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
def test_an_mpnet_with_its_distances_is_the_same_network(tmp_path: Path, fused: bool) -> None:
    torch.manual_seed(5)
    settings = MPNetConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=258, attn_implementation="eager",
    )  # fmt: skip
    encoder = MPNetModel(settings, add_pooling_layer=False)
    torch.nn.init.normal_(encoder.encoder.relative_attention_bias.weight)
    model = MultiHead(encoder, HEADS, "mean", 0.0).eval()
    plan = Plan(2, 2, settings.layer_norm_eps, "mean", [(head.name, head.reads) for head in HEADS])
    network = session(build_graph(weights_of(model), plan, fused=fused), tmp_path)
    for given in [*BATCHES, batch([[2, *([5, 9, 11] * 66), 3]], [(0, [150])])]:
        wanted = logits(model, given)
        for head, said in network.run(given).items():
            assert said == pytest.approx(wanted[head], abs=1e-4)


def test_distances_fall_into_the_buckets_that_mpnet_uses() -> None:
    apart = torch.arange(-300, 301)
    wanted = MPNetEncoder.relative_position_bucket(apart, num_buckets=32)
    assert distance_buckets(apart.numpy(), 32).tolist() == wanted.tolist()


def test_a_bert_keeps_its_names() -> None:
    assert as_bert({"heads.x.bias": np.zeros(1)}).keys() == {"heads.x.bias"}
