"""A bundle: the folder of a servable model, and the proof that it is whole.

    manifest.json    what it is: schema, version, base model, languages, heads and labels in order, max tokens,
                     temperatures, figures on the frozen sets, data, licences, sha256 of every other file
    int8.onnx        the network; outputs are named after the heads, logits of shape (texts, labels)
    tokenizer.json   text to ids
    golden.jsonl     texts with the probabilities they must get, and the tolerance
    README.md        the model card

Loading checks, in this order: the manifest's schema version, its content, every file's sha256, that the tokenizer and
the network can be opened, that the network has the heads, and the golden sentences. The first failure refuses the
bundle with the reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import TocsinError
from inference.encode import Encoder
from inference.engine import BATCH_TOKENS, Answer, Engine, HeadLabels, Session
from inference.session import OnnxSession

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
NETWORK = "int8.onnx"
TOKENIZER = "tokenizer.json"
GOLDEN = "golden.jsonl"
CARD = "README.md"
SHIPPED = Path(__file__).parent / "bundles"


class BundleRefused(TocsinError):
    """A bundle that must not serve.

    Attributes:
        reason: one of `missing`, `schema`, `checksum`, `unreadable`, `heads`, `golden`; fit for a metric label.
    """

    def __init__(self, folder: Path, reason: str, detail: str) -> None:
        super().__init__(f"bundle {folder.name} refused ({reason}): {detail}")
        self.folder = folder
        self.reason = reason
        self.detail = detail


class BaseWeights(BaseModel):
    """The pre-trained weights that the bundle was fine-tuned from."""

    model_config = ConfigDict(frozen=True)
    name: str
    licence: str
    sha256: str | None = None


class ManifestHead(BaseModel):
    """A head's labels in the order of its logits, and the divisor that calibrates them."""

    model_config = ConfigDict(frozen=True)
    name: str
    labels: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(gt=0)


class Manifest(BaseModel):
    """manifest.json."""

    model_config = ConfigDict(frozen=True)
    schema_version: int
    version: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")
    base_model: BaseWeights
    languages: tuple[str, ...] = Field(min_length=1)
    heads: tuple[ManifestHead, ...] = Field(min_length=1)
    max_tokens: int = Field(ge=8, le=512)
    metrics: dict[str, Any] = Field(default_factory=dict, description="set -> figures, measured on the int8 file")
    data_sha256: str
    licences: dict[str, str] = Field(default_factory=dict, description="set or weights -> licence")
    files: dict[str, str] = Field(description="file name -> sha256, for every file but the manifest")


class GoldenSentence(BaseModel):
    """A text whose answer is known: for each head the label probabilities, and how far each may be off."""

    model_config = ConfigDict(frozen=True)
    text: str
    expected: dict[str, dict[str, float]]
    tolerance: float = Field(gt=0, lt=0.5)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that passed."""

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    engine: Engine


def shipped(lang: str) -> Path:
    """The folder of the bundle that comes with Tocsin for a language."""
    return SHIPPED / lang


def sha256_of(path: Path) -> str:
    """A file's sha256, hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def load_bundle(
    folder: Path, *, batch_tokens: int = BATCH_TOKENS, open_session: Callable[[Path], Session] = OnnxSession
) -> Bundle:
    """Open a bundle and prove it.

    Raises:
        BundleRefused: with the first reason found.
    """
    manifest = read_manifest(folder)
    for name, wanted in manifest.files.items():
        found = sha256_of(folder / name)
        if found != wanted:
            raise BundleRefused(folder, "checksum", f"{name} has sha256 {found}, the manifest says {wanted}")
    try:
        encoder = Encoder(folder / TOKENIZER, manifest.max_tokens)
        session = open_session(folder / NETWORK)
    # Both libraries raise bare Exception subclasses of their own for a file they cannot read.
    except Exception as error:
        raise BundleRefused(folder, "unreadable", str(error)) from error
    heads = [HeadLabels(head.name, head.labels, head.temperature) for head in manifest.heads]
    engine = Engine(encoder, session, heads, batch_tokens=batch_tokens)
    _prove(folder, manifest, engine)
    return Bundle(folder, manifest, sha256_of(folder / MANIFEST), engine)


def read_manifest(folder: Path) -> Manifest:
    """The manifest, once every file it names is there.

    Raises:
        BundleRefused: `missing` or `schema`.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleRefused(folder, "missing", f"{path} does not exist")
    try:
        content = json.loads(path.read_bytes())
        version = content["schema_version"]
    except (ValueError, TypeError, KeyError) as error:
        raise BundleRefused(folder, "schema", f"{MANIFEST} is no manifest: {error!r}") from None
    if version != SCHEMA_VERSION:
        advice = "update Tocsin" if isinstance(version, int) and version > SCHEMA_VERSION else "export it again"
        raise BundleRefused(folder, "schema", f"schema version {version}, this Tocsin reads {SCHEMA_VERSION}: {advice}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleRefused(folder, "schema", f"{MANIFEST}: {place}: {first['msg']}") from None
    for name in (NETWORK, TOKENIZER, GOLDEN):
        if name not in manifest.files:
            raise BundleRefused(folder, "schema", f"{MANIFEST} lists no checksum for {name}")
    for name in manifest.files:
        if Path(name).name != name:
            raise BundleRefused(folder, "schema", f"{MANIFEST} names a file outside the bundle: {name}")
        if not (folder / name).is_file():
            raise BundleRefused(folder, "missing", f"{name} does not exist")
    return manifest


def read_golden(folder: Path) -> list[GoldenSentence]:
    """The golden sentences.

    Raises:
        BundleRefused: `schema`, with the line, or that there are none.
    """
    golden = []
    for number, line in enumerate((folder / GOLDEN).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            golden.append(GoldenSentence.model_validate_json(line))
        except ValidationError as error:
            raise BundleRefused(folder, "schema", f"{GOLDEN} line {number}: {error.errors()[0]['msg']}") from None
    if not golden:
        raise BundleRefused(folder, "schema", f"{GOLDEN} holds no sentence")
    return golden


def _prove(folder: Path, manifest: Manifest, engine: Engine) -> None:
    golden = read_golden(folder)
    try:
        answers = engine.answer([sentence.text for sentence in golden])
    # A network whose outputs do not fit the manifest fails in the run or in the decoding, by many kinds of error.
    except Exception as error:
        raise BundleRefused(folder, "heads", f"the network does not answer as the manifest says: {error!r}") from error
    names = {head.name for head in manifest.heads}
    for sentence, answer in zip(golden, answers, strict=True):
        if set(sentence.expected) != names:
            raise BundleRefused(folder, "golden", f"{sentence.text!r} expects other heads than {sorted(names)}")
        wrong = _furthest(sentence, answer)
        if wrong is not None:
            raise BundleRefused(folder, "golden", f"{sentence.text!r}: {wrong}")


def _furthest(sentence: GoldenSentence, answer: Answer) -> str | None:
    """The head and label that are furthest off, where that is beyond the tolerance."""
    gaps = [
        (abs(answer.heads[head].get(label, 0.0) - wanted), head, label, wanted)
        for head, labels in sentence.expected.items()
        for label, wanted in labels.items()
    ]
    gap, head, label, wanted = max(gaps)
    if gap <= sentence.tolerance:
        return None
    found = answer.heads[head].get(label, 0.0)
    return f"{head} {label} is {found:.3f}, expected {wanted:.3f} within {sentence.tolerance}"
