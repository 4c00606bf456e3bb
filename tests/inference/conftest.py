"""The shipped English bundle, whole and as a copy that a test may damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from inference.bundle import MANIFEST, Bundle, load_bundle, sha256_of, shipped

# How long an example takes on a machine that others use too is no law.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The shipped bundle, loaded once."""
    return load_bundle(shipped("en"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped bundle's folder."""
    return Path(shutil.copytree(shipped("en"), tmp_path / "en"))


@pytest.fixture
def edit_manifest(copy: Path) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """Change the copy's manifest, and make its checksums fit the files again: a mistake that checksums cannot see."""

    def edit(change: Callable[[dict[str, Any]], None]) -> None:
        manifest = json.loads((copy / MANIFEST).read_bytes())
        change(manifest)
        manifest["files"] = {name: sha256_of(copy / name) for name in manifest["files"]}
        (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")

    return edit
