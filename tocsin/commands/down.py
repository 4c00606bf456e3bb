"""`tocsin down`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from contracts.clock import WallClock
from tocsin.commands.options import HOME, HomeOption, home_of
from tocsin.stack import local

app = typer.Typer(add_completion=False)


@app.command()
def down(
    home: HomeOption = HOME,
    wipe: Annotated[
        bool,
        typer.Option("--wipe", help="Delete the log, the windows, the desk's database: everything but your files."),
    ] = False,
) -> None:
    """Stop everything that `up` started."""
    console = Console(stderr=True)
    with console.status("stopping"):
        ran = local.down(home, WallClock(), wipe=wipe)
    where = home_of(home).path
    console.print(f"Stopped what ran in {where}." if ran else f"Nothing ran in {where}.", highlight=False)
    if wipe:
        console.print(f"Deleted {where}.", highlight=False)
