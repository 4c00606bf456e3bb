"""`tocsin routes test`: who would get an alert, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from alerts.matchers import NAMES
from alerts.routes import read_routes
from alerts.routing import inhibited, targets
from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.series import entity_of, topic_of
from tocsin.commands.options import HERE, ConfigOption, JsonOption

app = typer.Typer(add_completion=False, no_args_is_help=True, help="See where alerts go.")


@app.callback()
def routes() -> None:
    """See where alerts go."""


def labels_from(words: list[str]) -> dict[str, str]:
    """Labels from `name=value` words; what is not given is as for a warning on nothing in particular.

    Raises:
        UserError: a word is no label.
    """
    labels = dict.fromkeys(NAMES, "") | {"rule": "negative", "severity": "warning", "state": "firing"}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in NAMES:
            raise UserError(f"{word!r} is no label; write name=value with a name of {', '.join(NAMES)}")
        labels[name] = value
    if labels["series"]:
        labels["entity"] = labels["entity"] or entity_of(labels["series"]) or ""
        labels["topic"] = labels["topic"] or topic_of(labels["series"]) or ""
    return labels


@app.command("test")
def try_it(
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Of the alert: entity=ftx severity=critical ...")
    ] = None,
    config: ConfigOption = HERE,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As if it were then: 2026-01-31T22:00+08:00.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say which sinks an alert with these labels would reach, by which route, and what would keep it back."""
    path = config / "routes.yaml"
    tree = read_routes(path)
    wanted = labels_from(labels or [])
    now_ms = _moment(at) if at else WallClock().wall_ms()
    found = targets(tree, wanted, now_ms)
    by = inhibited(tree.inhibit_rules, wanted, {"other": wanted | {"alert": "other", "rule": "market"}})
    if json:
        for target in found:
            typer.echo(
                orjson.dumps(
                    {
                        "sink": target.sink, "route": target.place, "muted": target.muted or None,
                        "group": target.group, "group_wait_s": target.group_wait_s, "repeat_s": target.repeat_s,
                        "resolved": target.resolved,
                    }
                )
            )  # fmt: skip
        return
    table = Table("sink", "by", "when")
    for target in found:
        when = target.muted or ("at once" if not target.group else f"with {', '.join(target.group)}")
        if target.group and target.group_wait_s:
            when += f", after {target.group_wait_s:g} s"
        if target.repeat_s:
            when += f"; again every {target.repeat_s / 3600:g} h until acknowledged or over"
        table.add_row(target.sink, target.place, when)
    Console().print(table)
    if by:
        typer.echo("It is kept back while a market-wide alert of its group fires (inhibit_rules).")
    storm = tree.storm
    typer.echo(
        f"Beyond {storm.alerts} new alerts in {storm.within / 60:g} min a sink gets one digest, and the critical ones."
    )


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--at {text}: {error}; write it like 2026-01-31T22:00+08:00") from error
    if moment.tzinfo is None:
        raise UserError(f"--at {text}: say the zone too, like {text}+00:00")
    return int(moment.timestamp() * 1000)
