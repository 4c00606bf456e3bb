"""`tocsin init`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import UserError
from tocsin.stack.stages import CONFIG_FILES

app = typer.Typer(add_completion=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to; the current folder by default.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write sources.yaml, watchlist.yaml, rules.yaml and routes.yaml, commented."""
    for path in write(folder, force=force):
        typer.echo(f"wrote {path}")
    typer.echo("Next: tocsin up")


def write(folder: Path, *, force: bool) -> list[Path]:
    """Write the four files.

    Args:
        folder: made if it is not there.
        force: overwrite.

    Returns:
        Their paths.

    Raises:
        UserError: one of them is there already, or the folder cannot be written; nothing was written.
    """
    there = [name for name in CONFIG_FILES if (folder / name).exists()]
    if there and not force:
        raise UserError(f"{folder} already has {', '.join(there)}; overwrite with --force, or choose another folder")
    templates = files("tocsin").joinpath("templates")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in CONFIG_FILES]
        for path in paths:
            path.write_text(templates.joinpath(path.name).read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; choose a folder that can be written") from error
    return paths
