"""A bundle serves only when it is whole and answers as it did when it was made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from tokenizers import Tokenizer, models

from contracts.messages import Sentiment, Topic
from inference.bundle import (
    GOLDEN,
    MANIFEST,
    NETWORK,
    SCHEMA_VERSION,
    TOKENIZER,
    Bundle,
    BundleRefused,
    load_bundle,
    read_golden,
)
from inference.devices import CPU, CUDA
from inference.engine import Session
from inference.session import open_on

Edit = Callable[[Callable[[dict[str, Any]], None]], None]


def refusal(folder: Path) -> BundleRefused:
    with pytest.raises(BundleRefused) as refused:
        load_bundle(folder)
    return refused.value


def unchanged(manifest: dict[str, Any]) -> None:
    """Only the checksums are made to fit."""


def test_the_shipped_bundle_speaks_the_words_of_the_contracts(bundle: Bundle) -> None:
    heads = {head.name: head.labels for head in bundle.manifest.heads if head.reads == "text"}
    assert heads == {"sentiment": get_args(Sentiment), "topic": get_args(Topic)}
    of_mention = {head.labels for head in bundle.manifest.heads if head.reads == "mention"}
    assert of_mention <= {get_args(Sentiment)}
    assert bundle.manifest.languages == ("en",)


def test_the_golden_sentences_make_every_label_of_sentiment_and_most_topics_the_likeliest(bundle: Bundle) -> None:
    golden = read_golden(bundle.folder)
    likeliest = {
        head.name: {max(g.expected[head.name], key=lambda k: g.expected[head.name][k]) for g in golden}
        for head in bundle.manifest.heads
    }
    assert likeliest["sentiment"] == set(get_args(Sentiment))
    assert len(likeliest["topic"]) >= 12


def test_golden_sentences_are_answered_within_their_tolerance(bundle: Bundle) -> None:
    golden = read_golden(bundle.folder)
    for sentence, answer in zip(golden, bundle.engine.answer([g.text for g in golden]), strict=True):
        for head, labels in sentence.expected.items():
            assert answer.heads[head] == pytest.approx(labels, abs=sentence.tolerance)


@pytest.mark.parametrize("name", [NETWORK, TOKENIZER, GOLDEN])
def test_one_flipped_byte_is_refused_with_the_file_named(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    refused = refusal(copy)
    assert refused.reason == "checksum"
    assert name in str(refused)


@pytest.mark.parametrize("name", [MANIFEST, NETWORK, TOKENIZER, GOLDEN])
def test_a_missing_file_is_refused_with_the_file_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    refused = refusal(copy)
    assert refused.reason == "missing"
    assert name in str(refused)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").reason == "missing"


def test_a_newer_schema_is_refused_and_says_to_update(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m.update(schema_version=SCHEMA_VERSION + 1))
    refused = refusal(copy)
    assert refused.reason == "schema"
    assert "update Tocsin" in str(refused)


def test_a_bundle_of_the_first_schema_loads_and_its_heads_read_the_text(copy: Path, edit_manifest: Edit) -> None:
    def first_schema(manifest: dict[str, Any]) -> None:
        manifest["schema_version"] = 1
        manifest["heads"] = [
            {name: head[name] for name in ("name", "labels", "temperature")}
            for head in manifest["heads"]
            if head.get("reads", "text") == "text"
        ]
        for name in ("prefix", "precision"):
            manifest.pop(name, None)
        golden = [json.loads(line) for line in (copy / GOLDEN).read_text(encoding="utf-8").splitlines()]
        lines = [json.dumps({k: v for k, v in g.items() if k != "mentions"}, ensure_ascii=False) for g in golden]
        (copy / GOLDEN).write_text("\n".join(lines), encoding="utf-8")

    edit_manifest(first_schema)
    bundle = load_bundle(copy)
    assert {head.reads for head in bundle.manifest.heads} == {"text"}
    assert (bundle.manifest.prefix, bundle.manifest.precision) == ("", {"int8": NETWORK})


def test_a_prefix_that_the_network_was_not_trained_with_is_found_by_the_golden_sentences(
    copy: Path, edit_manifest: Edit
) -> None:
    edit_manifest(lambda m: m.update(schema_version=2, prefix="a fraud, a crash, a loss: "))
    assert refusal(copy).reason == "golden"


def test_a_bundle_without_an_int8_file_is_refused(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m.update(schema_version=2, precision={"fp16": NETWORK}))
    refused = refusal(copy)
    assert refused.reason == "schema"
    assert "int8" in str(refused)


def test_the_16_bit_file_may_be_absent_and_then_no_gpu_is_tried(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m.update(schema_version=2, precision={"int8": NETWORK, "fp16": "fp16.onnx"}))
    manifest = json.loads((copy / MANIFEST).read_bytes())
    manifest["files"]["fp16.onnx"] = "0" * 64
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (copy / "fp16.onnx").unlink(missing_ok=True)
    bundle = load_bundle(copy, providers=[CUDA, CPU])
    assert bundle.engine.provider == CPU
    assert "fp16" in bundle.devices.why_not[CUDA]


def test_a_16_bit_file_that_is_there_is_proven_by_its_checksum(copy: Path, edit_manifest: Edit) -> None:
    shutil.copyfile(copy / NETWORK, copy / "fp16.onnx")

    def with_half(manifest: dict[str, Any]) -> None:
        manifest.update(schema_version=2, precision={"int8": NETWORK, "fp16": "fp16.onnx"})
        manifest["files"]["fp16.onnx"] = ""

    edit_manifest(with_half)
    with (copy / "fp16.onnx").open("ab") as half:
        half.write(b"x")
    refused = refusal(copy)
    assert (refused.reason, "fp16.onnx" in str(refused)) == ("checksum", True)


def test_a_device_that_does_not_come_up_is_dropped_for_the_next(copy: Path, edit_manifest: Edit) -> None:
    shutil.copyfile(copy / NETWORK, copy / "fp16.onnx")

    def with_half(manifest: dict[str, Any]) -> None:
        manifest.update(schema_version=2, precision={"int8": NETWORK, "fp16": "fp16.onnx"})
        manifest["files"]["fp16.onnx"] = ""

    edit_manifest(with_half)
    tried = []

    def open_file(provider: str, path: Path) -> Session:
        tried.append((provider, path.name))
        if provider != CPU:
            raise RuntimeError("no device")
        return open_on(provider, path)

    bundle = load_bundle(copy, providers=[CPU, CUDA], open_file=open_file)
    assert tried == [(CUDA, "fp16.onnx"), (CPU, NETWORK)]
    assert bundle.engine.provider == CPU


def test_a_manifest_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / MANIFEST).write_text("{", encoding="utf-8")
    assert refusal(copy).reason == "schema"


def test_a_manifest_without_a_field_is_refused_with_the_field_named(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m.pop("max_tokens"))
    refused = refusal(copy)
    assert refused.reason == "schema"
    assert "max_tokens" in str(refused)


def test_a_manifest_that_names_a_file_outside_the_bundle_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_bytes())
    manifest["files"]["../en/int8.onnx"] = "0"
    (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert refusal(copy).reason == "schema"


def test_swapped_labels_are_found_by_the_golden_sentences(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m["heads"][0]["labels"].reverse())
    assert refusal(copy).reason == "golden"


def test_swapped_labels_of_two_topics_are_found_by_the_golden_sentences(copy: Path, edit_manifest: Edit) -> None:
    def swap(manifest: dict[str, Any]) -> None:
        labels = manifest["heads"][1]["labels"]
        labels[5], labels[9] = labels[9], labels[5]

    edit_manifest(swap)
    assert refusal(copy).reason == "golden"


def test_another_temperature_is_found_by_the_golden_sentences(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m["heads"][0].update(temperature=3.0))
    assert refusal(copy).reason == "golden"


def test_another_tokenizer_is_found_even_where_its_checksum_fits(copy: Path, edit_manifest: Edit) -> None:
    settings = json.loads((copy / TOKENIZER).read_bytes())
    vocabulary = settings["model"]["vocab"]
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    settings["model"]["vocab"] = {piece: place for place, piece in enumerate(pieces[:999] + pieces[999:][::-1])}
    (copy / TOKENIZER).write_text(json.dumps(settings), encoding="utf-8")
    edit_manifest(unchanged)
    assert refusal(copy).reason == "golden"


def test_a_tokenizer_that_knows_more_pieces_than_the_network_is_refused(copy: Path, edit_manifest: Edit) -> None:
    unknown = "[UNK]"
    Tokenizer(models.WordLevel({unknown: 50_000}, unk_token=unknown)).save(str(copy / TOKENIZER))
    edit_manifest(unchanged)
    assert refusal(copy).reason in {"heads", "golden"}


def test_a_network_that_cannot_be_opened_is_refused(copy: Path, edit_manifest: Edit) -> None:
    (copy / NETWORK).write_bytes(b"not a network")
    edit_manifest(unchanged)
    assert refusal(copy).reason == "unreadable"


def test_a_head_that_the_network_does_not_have_is_refused(copy: Path, edit_manifest: Edit) -> None:
    edit_manifest(lambda m: m["heads"].append({"name": "irony", "labels": ["no", "yes"], "temperature": 1.0}))
    assert refusal(copy).reason == "heads"


def test_a_bundle_without_golden_sentences_is_refused(copy: Path, edit_manifest: Edit) -> None:
    (copy / GOLDEN).write_text("", encoding="utf-8")
    edit_manifest(unchanged)
    assert refusal(copy).reason == "schema"
