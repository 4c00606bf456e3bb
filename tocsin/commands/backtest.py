"""`tocsin backtest`: which alerts a history would have raised."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from alerts.backtest import Backtest, BacktestAlert
from alerts.counts import check as check_counts
from alerts.counts import gap_text
from alerts.counts import read as read_counts
from alerts.counts_backtest import CountsBacktest, check_span, fit_to_whole
from alerts.rules import Rules, opens_text, read_rules
from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.messages import Severity
from contracts.watchlist import WatchedEntity, read_watchlist
from inference.scoring import load_scorer
from tocsin import demo_story
from tocsin.commands.options import JsonOption
from tocsin.history import Losses, counted_documents, read_history, read_mapping

app = typer.Typer(add_completion=False)

LANGUAGES = ("en",)
STREAM, EVENTS = "crypto_2022_en_3src.csv.gz", "crypto_2022_known_events.csv"
INTERRUPTED_EXIT = 130
STYLES: dict[Severity, str] = {"info": "dim", "warning": "yellow", "critical": "bold red"}


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSONL, gzipped or not.")],
    mapping: Annotated[
        str,
        typer.Option("--map", metavar="FIELD=COLUMN,...", help="Which column holds what: time, title, source, ..."),
    ] = "time=ts,source=source,title=title",
    watchlist: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whom to watch; default: the starter watchlist.")
    ] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="When to ring; default: the rules' own.")] = None,
    bundle: Annotated[str, typer.Option(metavar="FOLDER", help="A bundle's folder instead of the shipped one.")] = "",
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Known events (known_events.csv) to compare with.")
    ] = None,
    counts: Annotated[
        bool, typer.Option("--counts", help="FILE holds minute,series,group,all,negative,copies instead of texts.")
    ] = False,
    learn_until: Annotated[
        int | None, typer.Option(metavar="MINUTE", help="With --counts: epoch minute until which it only teaches.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(metavar="N", help="With --counts: ring N times a day over all series, fitted to the history."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a history through scoring and detection and print the alerts. Ctrl-C prints what has been found so far."""
    if counts:
        _backtest_counts(file, read_rules(rules) if rules else Rules(), learn_until, budget, as_json)
        return
    if learn_until is not None or budget is not None:
        raise UserError("--learn-until and --budget go with --counts; `tocsin rules fit` fits rules to a budget")
    columns = read_mapping(mapping)
    entities = read_watchlist(watchlist or Path(str(files("tocsin") / "templates" / "watchlist.yaml")))
    checked = read_rules(rules) if rules else Rules()
    known = _events(file, events)
    crises = demo_story.read_crises(known) if known else []
    if bundle and bundle != "deterministic" and not Path(bundle).is_dir():
        raise UserError(f"--bundle {bundle}: no such folder")
    notes = Console(stderr=True)
    losses = Losses()
    rows, disordered = read_history(file, columns, losses)
    if disordered:
        notes.print(f"{file} is not in the order of time; its rows were sorted", highlight=False, markup=False)
    scorer = load_scorer(dict.fromkeys(LANGUAGES, bundle))
    found = Backtest(checked, {entity.id: entity for entity in entities})
    interrupted = False
    with _progress(notes) as progress:
        task = progress.add_task(f"backtest {file.name}", total=len(rows), alerts=0)

        def done(read: int) -> None:
            progress.update(task, completed=read, alerts=len(found.alerts))

        try:
            for document in counted_documents(
                rows, entities, scorer, losses, not_after_ms=WallClock().now_ms(), done=done
            ):
                found.add(document)
            progress.update(task, completed=len(rows))
        except KeyboardInterrupt:
            interrupted = True
    alerts = found.finish()
    if as_json:
        for alert in alerts:
            sys.stdout.write(json.dumps(as_object(alert), ensure_ascii=False) + "\n")
    else:
        _print(Console(), alerts, entities, crises)
    for reason, count in sorted(losses.rows.items()):
        line, detail = losses.first[reason]
        notes.print(
            f"{count} rows did not count: {reason} (first in line {line}: {detail})", highlight=False, markup=False
        )
    if interrupted:
        notes.print(f"interrupted after {found.documents} of {len(rows)} documents", highlight=False)
        raise typer.Exit(INTERRUPTED_EXIT)


def _backtest_counts(file: Path, rules: Rules, learn_until: int | None, budget: float | None, as_json: bool) -> None:
    notes = Console(stderr=True)
    interrupted = False
    with _progress(notes) as progress:
        task = progress.add_task(f"check {file.name}", total=None, alerts=0)
        shape = check_counts(file, lambda rows: progress.update(task, completed=rows))
        check_span(file, shape, learn_until, budget)
        for gap in shape.gaps:
            notes.print(gap_text(file, gap), highlight=False, markup=False)
        if budget is not None and learn_until is None:
            progress.update(task, description=f"fit to {file.name}", total=shape.rows, completed=0)
            rules = fit_to_whole(file, shape, rules, budget, lambda rows: progress.update(task, completed=rows))
            budget = None
        progress.update(task, description=f"backtest {file.name}", total=shape.rows, completed=0)
        found = CountsBacktest(rules, first=shape.first, learn_until=learn_until or 0, budget=budget)
        try:
            for line, row in read_counts(file):
                found.add(line, row)
                if found.rows % 10_000 == 0:
                    progress.update(task, completed=found.rows, alerts=found.count)
        except KeyboardInterrupt:
            interrupted = True
        alerts = found.finish()
        progress.update(task, completed=found.rows, alerts=len(alerts))
    if as_json:
        for alert in alerts:
            sys.stdout.write(json.dumps(as_object(alert), ensure_ascii=False) + "\n")
    else:
        _print(Console(), alerts, (), ())
    if found.rules != rules or budget is not None:
        notes.print(f"fitted: {opens_text(found.rules)}", highlight=False, markup=False)
    if interrupted:
        notes.print(f"interrupted after {found.rows} of {shape.rows} rows", highlight=False)
        raise typer.Exit(INTERRUPTED_EXIT)


def as_object(alert: BacktestAlert) -> dict[str, Any]:
    """The JSON of one alert."""
    return dataclasses.asdict(alert)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} rows, {task.fields[alerts]} alerts"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _events(file: Path, given: Path | None) -> Path | None:
    """The known events to compare with: those that were given, or the shipped ones for the shipped stream."""
    if given is not None:
        if not given.is_file():
            raise UserError(f"--events {given}: there is no such file")
        return given
    shipped = demo_story.shipped(STREAM)
    same = file.is_file() and file.stat().st_size == shipped.stat().st_size and _digest(file) == _digest(shipped)
    return demo_story.shipped(EVENTS) if same else None


def _digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _print(
    console: Console,
    alerts: Sequence[BacktestAlert],
    entities: Sequence[WatchedEntity],
    crises: Sequence[demo_story.Crisis],
) -> None:
    names = {entity.id: entity.name for entity in entities}
    table = Table("fired (UTC)", "severity", "rule", "whom", "texts", "S", "ended (UTC)", box=None)
    for alert in alerts:
        table.add_row(
            demo_story.moment(alert.fired_ms),
            f"[{STYLES[alert.severity]}]{alert.severity}[/]",
            alert.rule,
            escape(demo_story.subject(alert.series, names)),
            f"{alert.negative} negative of {alert.all}, expected {alert.expected:.2g}",
            f"{alert.score:.1f}",
            demo_story.moment(alert.resolved_ms) if alert.resolved_ms else "open",
        )
    console.print(table)
    console.print(f"{len(alerts)} alerts", highlight=False)
    if crises:
        known = Table("day", "whom", "what", "wanted", "found", "as wanted", title="Known events", box=None)
        rang: list[demo_story.Rang] = [
            (alert.series, alert.rule, alert.fired_ms, alert.resolved_ms) for alert in alerts
        ]
        for row in demo_story.crisis_rows(crises, rang, {name: entity for entity, name in names.items()}):
            known.add_row(*(escape(str(cell)) for cell in row))
        console.print(known)
