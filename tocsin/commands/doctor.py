"""`tocsin doctor`."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from tocsin.commands.options import HERE, HOME, ConfigOption, HomeOption, JsonOption, home_of
from tocsin.stack import checks, jars, local, ports, stages
from tocsin.stack.checks import Check
from tocsin.stack.state import Home

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    config: ConfigOption = HERE,
    home: HomeOption = HOME,
    port_base: Annotated[int, typer.Option("--port-base", help="As for `tocsin up`.")] = ports.BASE,
    as_json: JsonOption = False,
) -> None:
    """Check this machine and say what to do. Exit code 1 when `tocsin up` would not start."""
    found = [
        checks.configuration(config.expanduser().resolve()),
        checks.disk(home_of(home).path),
        checks.memory(),
        checks.java(),
        checks.kafka_jars(jars.cache_folder(), jars.locked()),
        checks.redis_server(),
        *_ports(home_of(home), port_base),
    ]
    if as_json:
        for check in found:
            typer.echo(orjson.dumps({"name": check.name, "ok": check.ok, "found": check.found}).decode())
    else:
        console = Console()
        for check in found:
            mark = "[green]ok  [/green]" if check.ok else "[red]fail[/red]"
            console.print(f"{mark} {check.name:<14} {escape(check.found)}", highlight=False, soft_wrap=True)
    if not all(check.ok for check in found):
        raise typer.Exit(1)


def _ports(home: Home, port_base: int) -> list[Check]:
    if local.running(home):
        return [Check("ports", True, "a stack runs here and holds its ports; see `tocsin status`")]
    options = local.Options(home.path, home.path, port_base=port_base)
    return [checks.free_port(what, port) for what, port in local.ports_of(options, stages.slots(1, 1)).items()]
