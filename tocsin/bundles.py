"""Which bundle a command means: a folder, one that ships by its name, or the model without a model."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from contracts.errors import UserError
from inference.bundle import MANIFEST, SHIPPED, read_manifest
from inference.deterministic import NAME as DETERMINISTIC


def shipped_names() -> list[str]:
    """The bundles that come with Tocsin, each named by the language that it is for."""
    return sorted(folder.name for folder in SHIPPED.iterdir() if (folder / MANIFEST).is_file())


def place_of(name: str) -> str:
    """The bundle that `--bundle NAME` means, as `inference.scoring.load_scorer` takes it.

    Raises:
        UserError: there is no such bundle; names those that there are.
    """
    if name == DETERMINISTIC or Path(name).is_dir():
        return name
    if name in shipped_names():
        return str(SHIPPED / name)
    raise UserError(f"--bundle {name}: no such folder; the bundles that ship are {', '.join(shipped_names())}")


def languages_of(place: str) -> tuple[str, ...]:
    """The languages that a bundle says it reads; empty = any.

    Raises:
        inference.bundle.BundleRefused: it has no manifest that can be read.
    """
    return () if place == DETERMINISTIC else read_manifest(Path(place)).languages


def places_for(name: str, wanted: Collection[str]) -> dict[str, str]:
    """Language -> bundle, for a scorer of texts in the languages `wanted`.

    Args:
        name: of a bundle; empty = those that ship.
        wanted: ISO 639-1 codes. Where no bundle reads any of them the answer is still a scorer, which rejects them.
    """
    if name:
        place = place_of(name)
        offered = dict.fromkeys(languages_of(place) or wanted, place)
    else:
        offered = {lang: str(SHIPPED / lang) for lang in shipped_names()}
    # A bundle takes a second to prove itself: one that has nothing to do is not loaded.
    return {lang: place for lang, place in offered.items() if lang in wanted} or offered
