"""`tocsin status`."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from datetime import UTC, datetime

import orjson
import typer
from rich.console import Console
from rich.table import Table

from contracts.clock import Clock, WallClock
from contracts.errors import UserError
from tocsin.commands.options import HOME, HomeOption, JsonOption, home_of
from tocsin.stack import vitals
from tocsin.stack.processes import ProcessStatus, Supervisor
from tocsin.stack.state import Home, State
from tocsin.stack.vitals import Row

app = typer.Typer(add_completion=False)

# Long enough for a rate, short enough to wait for.
BETWEEN_S = 1.0
COLOURS = {"running": "green", "starting": "yellow"}


@app.command()
def status(home: HomeOption = HOME, as_json: JsonOption = False) -> None:
    """Show every stage: state, lag, documents a second, newest event time, address.

    Exit code 1 when something does not run.
    """
    place = home_of(home)
    state = place.read_state()
    if state is None:
        raise UserError(f"nothing runs in {place.path}; start it with `tocsin up`, or name another with --home DIR")
    rows = look(place, state, WallClock())
    if as_json:
        for each in rows:
            typer.echo(orjson.dumps(dataclasses.asdict(each)).decode())
    else:
        _show(Console(), state, rows)
    if any(each.state != "running" for each in rows):
        raise typer.Exit(1)


def look(home: Home, state: State, clock: Clock) -> list[Row]:
    """Every process of the stack, looked at twice, BETWEEN_S apart."""
    with closing(Supervisor(home)) as supervisor:
        before = {process.name: vitals.scrape(process) for process in state.processes}
        began = clock.wall_ms()
        lags = vitals.group_lags(state.kafka)
        clock.sleep(max(0.0, BETWEEN_S - (clock.wall_ms() - began) / 1000))
        between_s = (clock.wall_ms() - began) / 1000
        now = {process.name: vitals.scrape(process) for process in state.processes}
        statuses: dict[str, ProcessStatus] = supervisor.statuses() if supervisor.answers() else {}
    return [
        vitals.row(
            process,
            statuses.get(process.name),
            before[process.name],
            now[process.name],
            between_s,
            lags.get(process.stage),
            vitals.address(state, process),
        )
        for process in state.processes
    ]


def _show(console: Console, state: State, rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("process", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("up", justify="right", no_wrap=True)
    table.add_column("lag", justify="right", no_wrap=True)
    table.add_column("docs/s", justify="right", no_wrap=True)
    table.add_column("newest event (UTC)", no_wrap=True)
    table.add_column("at", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            f"[{COLOURS.get(row.state, 'red')}]{row.state}[/]",
            _duration(row.up_s),
            "" if row.lag is None else f"{row.lag:,}",
            "" if row.per_s is None else f"{row.per_s:,.1f}",
            "" if row.newest_ms is None else f"{datetime.fromtimestamp(row.newest_ms / 1000, UTC):%Y-%m-%d %H:%M}",
            row.address,
        )
    console.print(table)
    console.print(f"The desk: {state.desk}   A stage's metrics: http://ADDRESS/metrics", highlight=False)
    if any(row.state != "running" for row in rows):
        console.print("What a stage said: tocsin logs STAGE", highlight=False)


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
