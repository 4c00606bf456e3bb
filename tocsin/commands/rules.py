"""`tocsin rules fit`: thresholds for as many alerts a day as the desk can bear, and the recall that they cost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alerts.counts import check, gap_text
from alerts.counts_backtest import check_span
from alerts.fit import SIZES, Fit, fit
from alerts.rules import Rules, opens_text, read_rules
from contracts.errors import UserError
from tocsin.commands.options import JsonOption

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Fit the rules to what the desk can bear."""


@app.command("fit")
def fit_rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Counts: minute,series,group,all,negative,copies.")],
    budget: Annotated[float, typer.Option(metavar="N", help="Alerts a day over all series that the desk can bear.")],
    given: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="The rules to fit; default: the rules' own.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the fitted thresholds there, as a rules.yaml.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the thresholds to a history and show what they cost.

    The history is run twice: once as it is, and once with spikes put in at random places. The table tells, for several
    budgets, how many of those would have rung.
    """
    before = read_rules(given) if given else Rules()
    if write is not None and write.exists():
        raise UserError(f"--write {write}: is there already; name a new file and compare the two")
    notes = Console(stderr=True)
    with _progress(notes) as progress:
        task = progress.add_task(f"check {file.name}", total=None)
        shape = check(file, lambda rows: progress.update(task, completed=rows))
        check_span(file, shape, None, budget)
        for gap in shape.gaps:
            notes.print(gap_text(file, gap), highlight=False, markup=False)
        progress.update(task, description=f"fit to {file.name}", total=2 * shape.rows, completed=0)
        found = fit(file, shape, before, budget, lambda rows: progress.update(task, completed=rows))
    if write is not None:
        write.write_text(yaml.safe_dump(_thresholds(found.rules), sort_keys=False), encoding="utf-8")
    if as_json:
        sys.stdout.write(json.dumps(_as_object(found)) + "\n")
    else:
        _print(Console(), found, budget)
    if write is not None:
        notes.print(f"written to {write}; check it and put it beside your other files", highlight=False, markup=False)


def _thresholds(rules: Rules) -> dict[str, dict[str, float]]:
    return {
        name: {"open": one["open"], "open_slow": one["open_slow"], "close": one["close"]}
        for name, one in rules.model_dump().items()
        if name in ("negative", "volume", "viral")
    }


def _as_object(found: Fit) -> dict[str, object]:
    return {
        "rules": _thresholds(found.rules),
        "budgets": [
            {"budget": row.budget, "open": row.opens, "alerts_a_day": row.alerts_a_day, "recall": row.recall}
            for row in found.rows
        ],
    }


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} rows"), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip


def _print(console: Console, found: Fit, budget: float) -> None:
    table = Table(
        "alerts a day", "negative opens at S", "rang a day", *(f"{size} texts found" for size in SIZES), box=None
    )
    for row in found.rows:
        style = "bold" if row.budget == budget else ""
        table.add_row(
            f"{row.budget:g}", f"{row.opens:.2f}", f"{row.alerts_a_day:.2f}",
            *(f"{row.recall[size]:.0%}" for size in SIZES), style=style,
        )  # fmt: skip
    console.print(table)
    console.print(
        f"Found: of {found.spikes} spikes of so many negative texts within 15 minutes, put in at random places of this "
        f"history. At {budget:g} a day: {opens_text(found.rules)}.",
        highlight=False,
    )
