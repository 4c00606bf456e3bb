"""A checkpoint to a bundle folder: ONNX, int8, golden sentences, figures, parity, manifest, card.

The folder is proven by `inference.bundle.load_bundle` before anyone may call it a bundle.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.bundle import CARD, GOLDEN, MANIFEST, NETWORK, SCHEMA_VERSION, TOKENIZER, load_bundle, sha256_of
from inference.encode import Encoder, clean
from inference.engine import Answer, Engine, HeadLabels, Ids, Logits
from inference.session import OnnxSession
from training.base import locate
from training.card import write_card
from training.config import Recipe
from training.dataset import Example, snapshot_sha256
from training.evaluate import Parity, Quality, parity, quality
from training.events import Event, Said, hear
from training.golden import GOLDEN_SENTENCES
from training.model import MultiHead, build, pad
from training.quantise import quantise

OPSET = 18


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured on the int8 file."""

    quality: Mapping[str, Quality]
    parity: Mapping[str, Parity]
    events: Sequence[Said]


class _NamedOutputs(nn.Module):
    """The network with a tuple for an output: ONNX outputs are ordered."""

    def __init__(self, model: MultiHead) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(input_ids, attention_mask).values())


def to_onnx(model: MultiHead, path: Path) -> None:
    """Write the network as fp32 ONNX: input_ids and attention_mask (texts, tokens) in, one output per head.

    The model's attention must be `eager`: the fused kernels have no ONNX form.
    """
    model.eval()
    texts, tokens = torch.export.Dim("texts", max=1 << 16), torch.export.Dim("tokens", max=512)
    shape = {0: texts, 1: tokens}
    with warnings.catch_warnings():
        # The exporter warns of its own internals and of packages that the network does not use.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _NamedOutputs(model),
            pad([[101, 5, 6, 102], [101, 102]]),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=list(model.heads),
            dynamic_shapes={"input_ids": shape, "attention_mask": shape},
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def export(
    recipe: Recipe,
    checkpoint: Path,
    out: Path,
    test: Sequence[Example],
    data: Path,
    events: Sequence[Event] = (),
) -> Figures:
    """Make the bundle folder `out` from a checkpoint folder; `out` must not exist.

    Raises:
        inference.bundle.BundleRefused: what was made does not pass its own proof.
    """
    out.mkdir(parents=True)
    base = locate(recipe.base)
    temperatures: dict[str, float] = json.loads((checkpoint / "temperatures.json").read_text(encoding="utf-8"))
    model = build(recipe, base, attention="eager")
    model.load_state_dict(load_file(checkpoint / "best.safetensors"))

    full = checkpoint / "fp32.onnx"
    to_onnx(model, full)
    onnx.save(quantise(onnx.load(full), recipe.export.keep_fp32), out / NETWORK)
    shutil.copyfile(base.tokenizer, out / TOKENIZER)

    encoder = Encoder(out / TOKENIZER, recipe.max_tokens)
    heads = [HeadLabels(head.name, tuple(head.labels), temperatures[head.name]) for head in recipe.heads]
    engine = Engine(encoder, OnnxSession(out / NETWORK), heads)
    _write_golden(engine, recipe, out / GOLDEN)

    figures = measure(recipe, engine, Engine(encoder, _TorchSession(model), heads), test, events)
    write_card(recipe, figures.quality, figures.parity, figures.events, out / CARD)
    _write_manifest(recipe, temperatures, figures, snapshot_sha256([data / s.file for s in recipe.sets]), out)
    load_bundle(out)
    return figures


def measure(
    recipe: Recipe, served: Engine, reference: Engine, test: Sequence[Example], events: Sequence[Event]
) -> Figures:
    """What the served engine gets right on the frozen test texts, and how far it is from the reference."""
    found: dict[str, Quality] = {}
    gaps: dict[str, Parity] = {}
    for head in recipe.heads:
        own = [e for e in test if head.name in e.targets]
        texts = [e.text for e in own]
        said = _probabilities(served.answer(texts), head.name)
        wanted = _probabilities(reference.answer(texts), head.name)
        gaps[head.name] = parity(said, wanted)
        targets = torch.tensor([e.targets[head.name] for e in own])
        found[head.name] = quality(said.log(), targets, head.labels)
        sources = sorted({e.source for e in own})
        for source in sources if len(sources) > 1 else ():
            rows = torch.tensor([place for place, e in enumerate(own) if e.source == source])
            found[f"{head.name}:{source}"] = quality(said[rows].log(), targets[rows], head.labels)
    return Figures(found, gaps, hear(served, events))


class _TorchSession:
    """The checkpoint behind the engine's port, so that parity compares nothing but the networks."""

    def __init__(self, model: MultiHead) -> None:
        self._model = model.eval()

    def run(self, ids: Ids, mask: Ids) -> dict[str, Logits]:
        with torch.inference_mode():
            logits = self._model(torch.from_numpy(ids), torch.from_numpy(mask))
        return {head: z.numpy() for head, z in logits.items()}


def _probabilities(answers: Sequence[Answer], head: str) -> Tensor:
    return torch.tensor([list(answer.heads[head].values()) for answer in answers], dtype=torch.float64)


def _write_golden(engine: Engine, recipe: Recipe, path: Path) -> None:
    texts = [clean(text) for lang in recipe.languages for text in GOLDEN_SENTENCES[lang]]
    lines = []
    for text, answer in zip(texts, engine.answer(texts), strict=True):
        expected = {head: {k: round(p, 4) for k, p in said.items()} for head, said in answer.heads.items()}
        line = {"text": text, "expected": expected, "tolerance": recipe.export.golden_tolerance}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def _write_manifest(recipe: Recipe, temperatures: dict[str, float], figures: Figures, data: str, out: Path) -> None:
    licences = {recipe.base.name: recipe.base.licence} | {s.file: s.licence for s in recipe.sets}
    metrics: dict[str, object] = {name: q.as_json() for name, q in figures.quality.items()}
    metrics["parity"] = {head: asdict(p) for head, p in figures.parity.items()}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "version": recipe.version,
        "base_model": {"name": recipe.base.name, "licence": recipe.base.licence, "sha256": recipe.base.sha256},
        "languages": recipe.languages,
        "heads": [{"name": h.name, "labels": h.labels, "temperature": temperatures[h.name]} for h in recipe.heads],
        "max_tokens": recipe.max_tokens,
        "metrics": metrics,
        "data_sha256": data,
        "licences": licences,
        "files": {name: sha256_of(out / name) for name in (NETWORK, TOKENIZER, GOLDEN, CARD)},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
