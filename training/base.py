"""The pre-trained weights a recipe starts from, found as files and proven by checksum."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from training.config import BaseModelFiles


class BaseMissing(RuntimeError):
    """The base weights are not there or are not the ones the recipe names; says what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """The files of a pre-trained encoder: weights (safetensors), its configuration and its tokenizer."""

    weights: Path
    config: Path
    tokenizer: Path


def locate(files: BaseModelFiles) -> Base:
    """Find the weights. A package that carries them is read as a folder of data and its code is never imported.

    Raises:
        BaseMissing: the package or a file is absent, or the weights' sha256 is another.
    """
    folder = Path(files.folder)
    if files.package is not None:
        try:
            folder = Path(str(distribution(files.package).locate_file(files.folder)))
        except PackageNotFoundError:
            raise BaseMissing(
                f"{files.name}: the package {files.package} is not installed here; run `make train-env`"
            ) from None
    base = Base(folder / "model.safetensors", folder / "config.json", folder / "tokenizer.json")
    for path in (base.weights, base.config, base.tokenizer):
        if not path.is_file():
            raise BaseMissing(f"{files.name}: {path} is missing")
    if files.sha256 is not None:
        found = hashlib.sha256(base.weights.read_bytes()).hexdigest()
        if found != files.sha256:
            raise BaseMissing(f"{files.name}: {base.weights.name} has sha256 {found}, the recipe wants {files.sha256}")
    return base
