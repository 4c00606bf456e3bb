"""From a recipe to a bundle that serves: train, export, prove, and only then take the old one's place."""

from __future__ import annotations

import shutil
from pathlib import Path

from training.config import Recipe
from training.events import read_events
from training.export import export
from training.parity import Figures
from training.recipe import DATA, Report, examples_of, silent, train


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
    """Run the recipe into the bundle folder `out`.

    Until the new bundle has passed its proof, `out` is not touched; then it is replaced by renaming.

    Args:
        recipe: what to run.
        out: the bundle folder to make or replace.
        work: where the checkpoint lies; what `resume` goes on from.
        resume: go on from the checkpoint in `work` where there is one.
        report: called with each line of progress.
        events: known_events.csv and the stream it speaks of, for the card.
        data: the folder that holds the recipe's sets.
    """
    train(recipe, work / "checkpoint", data=data, resume=resume, report=report)
    made = out.parent / f".{out.name}.new"
    shutil.rmtree(made, ignore_errors=True)
    days = read_events(*events) if events else ()
    try:
        figures = export(recipe, work / "checkpoint", made, examples_of(recipe, data), data, days)
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
