"""A recipe to a checkpoint folder and no further: `python -m training.launch RECIPE FOLDER`.

For runs on their own: several seeds, teachers, and several processes (`accelerate launch -m training.launch ...`).
`python -m training.measure FOLDER` prints what came out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from training.config import load_recipe
from training.recipe import train


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.launch", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last state")
    parser.add_argument("--seed", type=int, help="another seed than the recipe's")
    parser.add_argument("--threads", type=int, help="another number of threads than the recipe's")
    parser.add_argument("--data", type=Path, help="the folder of the recipe's sets")
    options = parser.parse_args()
    changed = {name: value for name in ("seed", "threads") if (value := getattr(options, name)) is not None}
    recipe = load_recipe(options.recipe).model_copy(update=changed)
    folder = {} if options.data is None else {"data": options.data}
    train(recipe, options.folder, resume=options.resume, report=_print, **folder)


def _print(event: dict[str, Any]) -> None:
    if "loss" not in event or event["step"] % 100 == 0:
        print(json.dumps(event), flush=True)  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
