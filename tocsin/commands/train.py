"""`tocsin train`: from a recipe to a bundle, with progress."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from contracts.errors import UserError

app = typer.Typer(add_completion=False)

SHIPPED_RECIPE = "en_minilm.yaml"
WORK = Path(".tocsin") / "training"
NEEDS = ("torch", "transformers", "onnx", "onnxscript", "safetensors", "accelerate", "peft", "mlflow", "matplotlib")


@app.command()
def train(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="RECIPE", help="A recipe; the English one that ships where none is given."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The bundle's folder  [default: bundles/VERSION]")
    ] = None,
    work: Annotated[Path, typer.Option("--work", metavar="DIR", help="Where checkpoints lie.")] = WORK,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of this recipe.")] = False,
) -> None:
    """Fine-tune a bundle: read the recipe, train, export to int8, prove it, and only then put it in place."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise UserError(
            f"this environment cannot train, it has no {', '.join(missing)}: "
            "run `make train-env`, then `.venv-train/bin/tocsin train`"
        )
    # Only here, because what serves is installed without torch.
    from training.base import BaseMissing
    from training.config import RecipeInvalid, load_recipe
    from training.run import run

    console = Console()
    try:
        checked = load_recipe(recipe or Path(str(files("training") / "recipes" / SHIPPED_RECIPE)))
        bundle = out or Path("bundles") / checked.version
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as progress:
            task = progress.add_task(f"training {checked.version}", total=None)

            def report(event: dict[str, Any]) -> None:
                progress.update(task, completed=event["step"], total=event["of"])
                if "validation" in event:
                    progress.console.print(f"step {event['step']}: {_sentence(event['validation'])}")
                elif not console.is_terminal and event["step"] % 100 == 0:
                    console.print(f"step {event['step']} of {event['of']}, loss {event['loss']:.3f}")

            figures = run(checked, bundle, work / checked.version, resume=resume, report=report, events=_events())
    except (RecipeInvalid, BaseMissing) as error:
        raise UserError(str(error)) from None
    table = Table("test", "texts", "accuracy", "macro-F1", "ECE", title=f"{checked.version}, int8, frozen test splits")
    for name, q in figures.quality.items():
        table.add_row(name, str(q.n), f"{q.accuracy:.3f}", f"{q.macro_f1:.3f}", f"{q.ece:.3f}")
    console.print(table)
    console.print(f"bundle: {bundle}")


def _sentence(validation: dict[str, dict[str, float]]) -> str:
    parts = [f"{head} {q['accuracy']:.3f} accuracy, {q['macro_f1']:.3f} macro-F1" for head, q in validation.items()]
    return "; ".join(parts)


def _events() -> tuple[Path, Path] | None:
    streams = Path(str(files("tocsin") / "streams"))
    found = streams / "crypto_2022_known_events.csv", streams / "crypto_2022_en_3src.csv.gz"
    return found if all(path.is_file() for path in found) else None
