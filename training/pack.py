"""A bundle from a finished checkpoint, without training again: `python -m training.pack CHECKPOINT OUT`.

Also makes the 16-bit file that is not kept in git.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inference.bundle import BundleRefused
from training.config import Recipe, RecipeInvalid, load_recipe
from training.events import Event, read_events
from training.export import export
from training.parity import Figures, ParityLost
from training.recipe import DATA, examples_of
from training.run import replace_folder


def pack(recipe: Recipe, checkpoint: Path, out: Path, data: Path = DATA, events: Sequence[Event] = ()) -> Figures:
    """Make or replace the bundle folder `out`; until the new one has passed its proof `out` is not touched.

    Raises:
        training.parity.ParityLost: a file answers too differently from the checkpoint.
        inference.bundle.BundleRefused: what was made does not pass its own proof.
    """
    made = out.parent / f".{out.name}.new"
    shutil.rmtree(made, ignore_errors=True)
    try:
        figures = export(recipe, checkpoint, made, examples_of(recipe, data), data, events)
        replace_folder(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return figures


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.pack", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--recipe", type=Path, help="instead of the checkpoint's recipe.json, where it has the same heads"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the recipe's sets")
    parser.add_argument("--events", type=Path, nargs=2, metavar=("EVENTS", "STREAM"), help="known days for the card")
    options = parser.parse_args()
    console = Console()
    if not (options.checkpoint / "best.safetensors").is_file():
        parser.error(f"{options.checkpoint} holds no best.safetensors: is it a finished checkpoint?")
    try:
        recipe = (
            load_recipe(options.recipe)
            if options.recipe
            else Recipe.model_validate_json((options.checkpoint / "recipe.json").read_text(encoding="utf-8"))
        )
        days = read_events(*options.events) if options.events else ()
        figures = pack(recipe, options.checkpoint, options.out, options.data, days)
    except (ParityLost, BundleRefused, RecipeInvalid) as error:
        console.print(f"no bundle was made: {error}", markup=False)
        return 1
    table = Table("head", "texts", "int8 differs", "fp16 differs", title=f"{recipe.version} in {options.out}")
    for head, gap in figures.parity.items():
        half = figures.parity_half[head]
        table.add_row(head, str(gap.texts), f"{100 * gap.changed:.2f} %", f"{100 * half.changed:.2f} %")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
