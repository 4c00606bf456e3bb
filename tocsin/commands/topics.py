"""`tocsin topics apply`."""

from __future__ import annotations

from typing import Annotated

import typer

from contracts.settings import read_settings
from tocsin import topics as kafka_topics
from tocsin.commands.options import HOME, HomeOption, KafkaOption, kafka_address

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create and check the Kafka topics.")


@app.callback()
def topics() -> None:
    """Create and check the Kafka topics."""


@app.command()
def apply(
    kafka: KafkaOption = None,
    home: HomeOption = HOME,
    partitions: Annotated[
        int | None, typer.Option("--partitions", min=1, help="Of documents and scores [TOCSIN_KAFKA__PARTITIONS].")
    ] = None,
    replication: Annotated[
        int | None, typer.Option("--replication", min=1, help="Replicas of each topic [TOCSIN_KAFKA__REPLICATION].")
    ] = None,
) -> None:
    """Create the topics that are not there, and report each setting that is not as it must be.

    A topic that is there is never changed. Exit code 1 when something differs.
    """
    settings = read_settings().kafka
    address = kafka_address(kafka, home)
    applied = kafka_topics.apply(
        address,
        settings.partitions if partitions is None else partitions,
        settings.replication if replication is None else replication,
    )
    for name in applied.created:
        typer.echo(f"created {name}")
    typer.echo(f"{len(applied.created)} created, {len(applied.unchanged)} were there, at {address}")
    for difference in applied.differences:
        typer.echo(f"differs: {difference}", err=True)
    if applied.differences:
        raise typer.Exit(1)
