"""From a recipe to a bundle that serves: train, export, prove, and only then take the old one's place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from inference.bundle import CARD
from training.checkpoints import Report
from training.config import Recipe
from training.dataset import snapshot_sha256
from training.events import read_events
from training.export import export
from training.parity import Figures
from training.recipe import DATA, examples_of, silent, train
from training.tracking import tracked


def run(
    recipe: Recipe,
    out: Path,
    work: Path,
    *,
    resume: bool = False,
    report: Report = silent,
    events: tuple[Path, Path] | None = None,
    data: Path = DATA,
) -> Figures:
    """Run the recipe into the bundle folder `out`, as an MLflow run in `work`.

    Until the new bundle has passed its proof, `out` is not touched; then it is replaced by renaming.

    Args:
        recipe: what to run.
        out: the bundle folder to make or replace.
        work: where the checkpoint lies, what `resume` goes on from, and the store of runs.
        resume: go on from the checkpoint in `work` where there is one.
        report: called with each line of progress.
        events: known_events.csv and the stream it speaks of, for the card.
        data: the folder that holds the recipe's sets.
    """
    made = out.parent / f".{out.name}.new"
    with tracked(recipe, snapshot_sha256([data / s.file for s in recipe.sets]), work) as kept:

        def both(event: dict[str, Any]) -> None:
            report(event)
            kept.report(event)

        train(recipe, work / "checkpoint", data=data, resume=resume, report=both)
        shutil.rmtree(made, ignore_errors=True)
        days = read_events(*events) if events else ()
        try:
            figures = export(recipe, work / "checkpoint", made, examples_of(recipe, data), data, days)
            kept.figures(figures.quality)
            kept.keep(made / CARD)
            replace_folder(made, out)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return figures


def replace_folder(made: Path, out: Path) -> None:
    """Put the folder `made` where `out` is; what was there is gone only once the new one is in place."""
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    made.rename(out)
    shutil.rmtree(old, ignore_errors=True)
