"""`tocsin up`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from contracts.clock import WallClock
from contracts.settings import read_settings
from tocsin.commands.interrupts import ends_like_ctrl_c, wait_for_ctrl_c
from tocsin.commands.options import HERE, HOME, ConfigOption, HomeOption, KafkaOption, RedisOption
from tocsin.commands.steps import Steps
from tocsin.stack import local, ports
from tocsin.stack.state import State

app = typer.Typer(add_completion=False)


@app.command()
def up(
    config: ConfigOption = HERE,
    home: HomeOption = HOME,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    port_base: Annotated[
        int, typer.Option("--port-base", help="The desk's port; the others follow it. 0 = any free ones.")
    ] = ports.BASE,
    scorers: Annotated[int, typer.Option("--scorers", min=1, max=26, help="Processes that score.")] = 1,
    aggregators: Annotated[int, typer.Option("--aggregators", min=1, max=26, help="Processes that count.")] = 1,
    standbys: Annotated[
        int, typer.Option("--standbys", min=0, max=3, help="Processes that wait behind evaluator and notify.")
    ] = 0,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop everything on Ctrl-C.")] = False,
) -> None:
    """Start Kafka, Redis, every stage and the desk on this machine.

    Returns when all of it is up; what dies is restarted until `tocsin down`.
    """
    settings = read_settings()
    named_kafka, named_redis = local.given_addresses(settings)
    options = local.Options(
        home=home,
        config=config,
        kafka=kafka or named_kafka,
        redis=redis or named_redis,
        port_base=port_base,
        scorers=scorers,
        aggregators=aggregators,
        standbys=standbys,
    )
    console, clock = Console(stderr=True), WallClock()
    with ends_like_ctrl_c():
        began = clock.wall_ms()
        with Steps(console) as say:
            state = local.up(options, settings.kafka, clock, say)
        _show(console, state, clock.wall_ms() - began)
        if foreground:
            try:
                console.print("Ctrl-C stops everything.")
                wait_for_ctrl_c()
            except KeyboardInterrupt:
                console.print("Stopping.")  # it came before the wait began
            finally:
                with console.status("stopping"):
                    local.down(home, clock, wipe=False)


def _show(console: Console, state: State, took_ms: int) -> None:
    names = ", ".join(process.name for process in state.processes)
    console.print(f"Up after {took_ms / 1000:.1f} s: {names}", highlight=False)
    console.print(f"The desk: [link={state.desk}]{state.desk}[/link]   More: tocsin status", highlight=False)
