"""A checkpoint to a bundle folder: int8 and 16-bit ONNX, golden sentences, figures, parity, manifest, card.

The folder is proven by `inference.bundle.load_bundle` before anyone may call it a bundle.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load_file

from inference.bundle import CARD, GOLDEN, MANIFEST, NETWORK, SCHEMA_VERSION, TOKENIZER, load_bundle, sha256_of
from inference.encode import Encoder, clean
from inference.engine import BATCH_TOKENS, Engine, HeadLabels, Padded, pad, token_batches
from inference.session import OnnxSession
from training.as_bert import Weights, as_bert
from training.base import Base, locate
from training.calibrate import Inputs, centred, watch
from training.card import write_card
from training.config import Recipe
from training.dataset import Example, snapshot_sha256
from training.events import Event
from training.golden import GOLDEN_SENTENCES
from training.graph import Plan, build_graph
from training.parity import Figures, TorchSession, hold_to, measure
from training.quantise import Int8, smoothing

HALF = "fp16.onnx"
FULL = "fp32.onnx"


def plan_of(recipe: Recipe, base: Base) -> Plan:
    """The network's shape, from the recipe and the base's configuration."""
    settings = json.loads(base.config.read_text(encoding="utf-8"))
    return Plan(
        layers=settings["num_hidden_layers"],
        attention_heads=settings["num_attention_heads"],
        epsilon=settings.get("layer_norm_eps", 1e-12),
        pooling=recipe.pooling,
        heads=[(head.name, head.reads) for head in recipe.heads],
    )


def export(
    recipe: Recipe,
    checkpoint: Path,
    out: Path,
    examples: Sequence[Example],
    data: Path,
    events: Sequence[Event] = (),
) -> Figures:
    """Make the bundle folder `out` from a checkpoint folder; `out` must not exist.

    Args:
        recipe: what was trained.
        checkpoint: its folder; the fp32 network is written beside the weights.
        out: the folder to make.
        examples: of every split. Training texts fit the int8 file, test texts measure it.
        data: the folder of the recipe's sets.
        events: days whose headlines the card speaks of.

    Raises:
        training.parity.ParityLost: a file answers too differently from the checkpoint.
        inference.bundle.BundleRefused: what was made does not pass its own proof.
    """
    out.mkdir(parents=True)
    base = locate(recipe.base)
    temperatures: dict[str, float] = json.loads((checkpoint / "temperatures.json").read_text(encoding="utf-8"))
    encoder = Encoder(base.tokenizer, recipe.max_tokens, recipe.prefix)
    weights, plan = load_file(checkpoint / "best.safetensors"), plan_of(recipe, base)
    training = [e.text for e in examples if e.split == "train"]

    onnx.save(build_graph(weights, plan), checkpoint / FULL)
    onnx.save(to_int8(recipe, weights, plan, encoder, training, checkpoint), out / NETWORK)
    # The standard's operators alone: TensorRT takes them whole, and ONNX Runtime fuses them itself for CUDA.
    onnx.save(build_graph(weights, plan, fused=False, floats=np.float16), out / HALF)
    shutil.copyfile(base.tokenizer, out / TOKENIZER)

    heads = [HeadLabels(h.name, tuple(h.labels), temperatures.get(h.name, 1.0), h.reads) for h in recipe.heads]
    engine = Engine(encoder, OnnxSession(out / NETWORK), heads)
    reference = Engine(encoder, TorchSession(recipe, base, checkpoint), heads)
    half = Engine(encoder, OnnxSession(out / HALF), heads)
    write_golden(engine, recipe, out / GOLDEN)
    test = [e for e in examples if e.split == "test"]
    figures = measure(recipe, engine, reference, half, test, events)
    hold_to(recipe.export, figures)
    write_card(recipe, figures.quality, figures.parity, figures.events, out / CARD)
    _write_manifest(recipe, heads, figures, snapshot_sha256([data / s.file for s in recipe.sets]), out)
    load_bundle(out, providers=["CPUExecutionProvider"])
    return figures


def to_int8(
    recipe: Recipe, weights: Weights, plan: Plan, encoder: Encoder, texts: Sequence[str], scratch: Path
) -> onnx.ModelProto:
    """The int8 network, fitted to an even choice of training texts."""
    named = as_bert(weights)
    step = max(1, len(texts) // recipe.export.calibration_texts)
    inputs = watch(named, plan, _batches(encoder, texts[::step][: recipe.export.calibration_texts]), scratch)
    arithmetic = Int8(_grams(inputs), _divisors(named, inputs), keep_fp32=tuple(recipe.export.keep_fp32))
    return build_graph(centred(named, plan, inputs), plan, arithmetic)


def _after_gelu(name: str) -> bool:
    return name.endswith(".output.dense") and ".attention." not in name


def _grams(inputs: Mapping[str, Inputs]) -> dict[str, np.ndarray]:
    return {name: i.gram if _after_gelu(name) else i.centred_gram() for name, i in inputs.items()}


def _divisors(weights: Weights, inputs: Mapping[str, Inputs]) -> dict[str, np.ndarray]:
    """For every product but those behind a GELU, whose outputs are too wide for one more pass over them."""
    out = {}
    for name, own in inputs.items():
        stem, _, part = name.rpartition(".")
        together = [f"{stem}.{n}" for n in ("query", "key", "value")] if part in {"query", "key", "value"} else [name]
        if not _after_gelu(name):
            matrix = np.concatenate([weights[f"{each}.weight"].T for each in together], axis=1)
            out[name] = smoothing(own.largest, matrix)
    return out


def _batches(encoder: Encoder, texts: Sequence[str]) -> Iterator[Padded]:
    pieces = encoder.encode(texts)
    for places in token_batches([len(p.ids) for p in pieces], BATCH_TOKENS):
        yield pad([pieces[place] for place in places])


def write_golden(engine: Engine, recipe: Recipe, path: Path) -> None:
    """The golden sentences of the recipe's languages with the engine's answers."""
    golden = [(clean(g.text), g.spans) for lang in recipe.languages for g in GOLDEN_SENTENCES[lang]]
    reads_mentions = any(head.reads == "mention" for head in recipe.heads)
    answers = engine.answer([text for text, _ in golden], [spans for _, spans in golden])
    lines = []
    for (text, spans), answer in zip(golden, answers, strict=True):
        line = {"text": text, "expected": _rounded(answer.heads), "tolerance": recipe.export.golden_tolerance}
        if reads_mentions:
            line["mentions"] = [
                {"spans": where, "expected": _rounded(said)}
                for where, said in zip(spans, answer.mentions, strict=True)
                if said is not None
            ]
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def _rounded(heads: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {head: {label: round(p, 4) for label, p in said.items()} for head, said in heads.items()}


def _write_manifest(recipe: Recipe, heads: Sequence[HeadLabels], figures: Figures, data: str, out: Path) -> None:
    licences = {recipe.base.name: recipe.base.licence} | {s.file: s.licence for s in recipe.sets}
    metrics: dict[str, object] = {name: q.as_json() for name, q in figures.quality.items()}
    metrics["parity"] = {head: asdict(p) for head, p in figures.parity.items()}
    metrics["parity_fp16"] = {head: asdict(p) for head, p in figures.parity_half.items()}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "version": recipe.version,
        "base_model": {"name": recipe.base.name, "licence": recipe.base.licence, "sha256": recipe.base.sha256},
        "languages": recipe.languages,
        "heads": [{"name": h.name, "labels": h.labels, "temperature": h.temperature, "reads": h.reads} for h in heads],
        "max_tokens": recipe.max_tokens,
        "prefix": recipe.prefix,
        "precision": {"int8": NETWORK, "fp16": HALF},
        "metrics": metrics,
        "data_sha256": data,
        "licences": licences,
        "files": {name: sha256_of(out / name) for name in (NETWORK, HALF, TOKENIZER, GOLDEN, CARD)},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
