"""`tocsin version`."""

from __future__ import annotations

from importlib.metadata import version as installed_version

import typer

app = typer.Typer(add_completion=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"tocsin {installed_version('tocsin')}")
