"""A bundle: the folder of a servable model, and the proof that it is whole.

    manifest.json    what it is: schema, version, base model, languages, heads with labels in order and what they read,
                     max tokens, prefix, temperatures, figures on the frozen sets, data, licences, sha256 of every
                     other file
    int8.onnx        the network for CPUs; outputs are named after the heads, logits of shape (texts, labels), or
                     (mentions, labels) from a head that reads mentions
    fp16.onnx        the same for GPUs; may be absent, then the bundle runs on CPUs only
    tokenizer.json   text to ids
    golden.jsonl     texts, and mentions in them, with the probabilities they must get, and the tolerance
    README.md        the model card

Loading checks, in this order: the manifest's schema version, its content, every file's sha256, that the tokenizer and
the network can be opened, that the network has the heads, and the golden sentences. The first failure refuses the
bundle with the reason.

Schema 1 had heads that read the text only and no prefix; such a bundle still loads, and mentions get the text's sentiment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import TocsinError
from inference.devices import PRECISION_OF, Candidate, DeviceSession, Plan, Precision, plan
from inference.encode import Encoder, Span
from inference.engine import BATCH_TOKENS, Engine, HeadLabels, Probabilities, Session
from inference.session import offered, open_on

SCHEMA_VERSION = 2
SCHEMAS_READ = (1, 2)
MANIFEST = "manifest.json"
NETWORK = "int8.onnx"
TOKENIZER = "tokenizer.json"
GOLDEN = "golden.jsonl"
CARD = "README.md"
_INT8_ALONE: dict[Precision, str] = {"int8": NETWORK}
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
    reads: Literal["text", "mention"] = "text"


class Manifest(BaseModel):
    """manifest.json."""

    model_config = ConfigDict(frozen=True)
    schema_version: int
    version: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")
    base_model: BaseWeights
    languages: tuple[str, ...] = Field(min_length=1)
    heads: tuple[ManifestHead, ...] = Field(min_length=1)
    max_tokens: int = Field(ge=8, le=512)
    prefix: str = Field(default="", description="what the network was trained to read before every text")
    precision: dict[Precision, str] = Field(
        default_factory=_INT8_ALONE.copy, description="precision -> file; only the int8 file must be there"
    )
    metrics: dict[str, Any] = Field(default_factory=dict, description="set -> figures, measured on the int8 file")
    data_sha256: str
    licences: dict[str, str] = Field(default_factory=dict, description="set or weights -> licence")
    files: dict[str, str] = Field(description="file name -> sha256, for every file but the manifest")


class GoldenMention(BaseModel):
    """A mention whose answer is known: where it stands in the text, and each mention head's label probabilities."""

    model_config = ConfigDict(frozen=True)
    spans: tuple[Span, ...]
    expected: dict[str, dict[str, float]]


class GoldenSentence(BaseModel):
    """A text whose answer is known: for each head the label probabilities, and how far each may be off."""

    model_config = ConfigDict(frozen=True)
    text: str
    expected: dict[str, dict[str, float]]
    mentions: tuple[GoldenMention, ...] = ()
    tolerance: float = Field(gt=0, lt=0.5)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that passed.

    Attributes:
        devices: the providers that could run it, and why others could not; `engine.provider` is the one that does.
    """

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    engine: Engine
    devices: Plan


def shipped(lang: str) -> Path:
    """The folder of the bundle that comes with Tocsin for a language."""
    return SHIPPED / lang


def sha256_of(path: Path) -> str:
    """A file's sha256, hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def load_bundle(
    folder: Path,
    *,
    batch_tokens: int = BATCH_TOKENS,
    providers: Sequence[str] | None = None,
    open_file: Callable[[str, Path], Session] = open_on,
) -> Bundle:
    """Open a bundle on the best device there is, and prove it there.

    Args:
        folder: the bundle.
        batch_tokens: padded tokens that one run of the network may hold.
        providers: ONNX Runtime's to choose from; those it offers where not given.
        open_file: opens a network's file on a provider.

    Raises:
        BundleRefused: with the first reason found.
    """
    manifest = read_manifest(folder)
    for name, wanted in manifest.files.items():
        if not (folder / name).exists():
            continue
        found = sha256_of(folder / name)
        if found != wanted:
            raise BundleRefused(folder, "checksum", f"{name} has sha256 {found}, the manifest says {wanted}")
    there = [precision for precision, name in manifest.precision.items() if (folder / name).exists()]
    devices = plan(offered() if providers is None else providers, there)
    candidates = [
        Candidate(provider, partial(open_file, provider, folder / manifest.precision[PRECISION_OF[provider]]))
        for provider in devices.providers
    ]
    try:
        encoder = Encoder(folder / TOKENIZER, manifest.max_tokens, manifest.prefix)
        session = DeviceSession(manifest.version, candidates)
    # Both libraries raise bare Exception subclasses of their own for a file they cannot read.
    except Exception as error:
        raise BundleRefused(folder, "unreadable", str(error)) from error
    heads = [HeadLabels(head.name, head.labels, head.temperature, head.reads) for head in manifest.heads]
    engine = Engine(encoder, session, heads, batch_tokens=batch_tokens)
    _prove(folder, manifest, engine)
    return Bundle(folder, manifest, sha256_of(folder / MANIFEST), engine, devices)


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
    if version not in SCHEMAS_READ:
        advice = "update Tocsin" if isinstance(version, int) and version > SCHEMA_VERSION else "export it again"
        read = " and ".join(map(str, SCHEMAS_READ))
        raise BundleRefused(folder, "schema", f"schema version {version}, this Tocsin reads {read}: {advice}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleRefused(folder, "schema", f"{MANIFEST}: {place}: {first['msg']}") from None
    if "int8" not in manifest.precision:
        raise BundleRefused(folder, "schema", f"{MANIFEST} names no int8 file: a bundle must run on a CPU")
    for name in (*manifest.precision.values(), TOKENIZER, GOLDEN):
        if name not in manifest.files:
            raise BundleRefused(folder, "schema", f"{MANIFEST} lists no checksum for {name}")
    may_be_absent = {name for precision, name in manifest.precision.items() if precision != "int8"}
    for name in manifest.files:
        if Path(name).name != name:
            raise BundleRefused(folder, "schema", f"{MANIFEST} names a file outside the bundle: {name}")
        if name not in may_be_absent and not (folder / name).is_file():
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
        answers = engine.answer(
            [sentence.text for sentence in golden], [[m.spans for m in sentence.mentions] for sentence in golden]
        )
    # A network whose outputs do not fit the manifest fails in the run or in the decoding, by many kinds of error.
    except Exception as error:
        raise BundleRefused(folder, "heads", f"the network does not answer as the manifest says: {error!r}") from error
    of_text = {head.name for head in manifest.heads if head.reads == "text"}
    of_mention = {head.name for head in manifest.heads if head.reads == "mention"}
    if of_mention and not any(sentence.mentions for sentence in golden):
        raise BundleRefused(folder, "golden", f"no sentence proves {', '.join(sorted(of_mention))}")
    for sentence, answer in zip(golden, answers, strict=True):
        _compare(folder, repr(sentence.text), of_text, sentence.expected, answer.heads, sentence.tolerance)
        for mention, said in zip(sentence.mentions, answer.mentions, strict=True):
            where = f"{sentence.text!r} at {mention.spans}"
            _compare(folder, where, of_mention, mention.expected, said or {}, sentence.tolerance)


def _compare(
    folder: Path,
    where: str,
    heads: Collection[str],
    expected: Mapping[str, Probabilities],
    said: Mapping[str, Probabilities],
    tolerance: float,
) -> None:
    """Refuse where a probability is further off than the tolerance."""
    if set(expected) != set(heads):
        raise BundleRefused(folder, "golden", f"{where} expects other heads than {sorted(heads)}")
    gaps = [
        (abs(said.get(head, {}).get(label, 0.0) - wanted), head, label, wanted)
        for head, labels in expected.items()
        for label, wanted in labels.items()
    ]
    gap, head, label, wanted = max(gaps)
    if gap > tolerance:
        found = said.get(head, {}).get(label, 0.0)
        wrong = f"{head} {label} is {found:.3f}, expected {wanted:.3f} within {tolerance}"
        raise BundleRefused(folder, "golden", f"{where}: {wrong}")
