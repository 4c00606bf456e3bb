"""The command `tocsin`: which commands there are, and what an error looks like."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from contracts.errors import TocsinError

USAGE_EXIT = 2

# name -> (module that defines `app`, the line that `tocsin --help` shows)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("tocsin.commands.demo", "Replay the 2022 crypto stream through the real flow and watch FTX ring."),
    "init": ("tocsin.commands.init", "Write sources.yaml, watchlist.yaml, rules.yaml and routes.yaml."),
    "up": ("tocsin.commands.up", "Start Kafka, Redis, every stage and the desk on this machine."),
    "down": ("tocsin.commands.down", "Stop everything that `up` started."),
    "status": ("tocsin.commands.status", "Show every stage: state, lag, documents a second, newest event time."),
    "logs": ("tocsin.commands.logs", "Show what the stages say."),
    "doctor": ("tocsin.commands.doctor", "Check this machine and say what to do."),
    "score": ("tocsin.commands.score", "Score texts with a bundle."),
    "evaluate": ("tocsin.commands.evaluate", "Measure a bundle on a labelled file."),
    "backtest": ("tocsin.commands.backtest", "Run a history through scoring and detection and print the alerts."),
    "data": ("tocsin.commands.data", "Make the snapshot that training reads."),
    "rules": ("tocsin.commands.rules", "Fit the rules to as many alerts a day as the desk can bear."),
    "train": ("tocsin.commands.train", "Fine-tune a bundle."),
    "topics": ("tocsin.commands.topics", "Create and check the Kafka topics."),
    "routes": ("tocsin.commands.routes", "See who would get an alert, and why."),
    "sinks": ("tocsin.commands.sinks", "Send a marked test to a sink."),
    "entities": ("tocsin.commands.entities", "Show who is watched, and what is found in a text."),
    "sources": ("tocsin.commands.sources", "Check, list, add and test what sources.yaml names."),
    "dead-letters": ("tocsin.commands.dead_letters", "List, show, fix, replay and drop what could not be used."),
    "version": ("tocsin.commands.version", "Print the version."),
}


def load(name: str) -> Any:
    """The command `name` as Typer runs it."""
    module = import_module(COMMANDS[name][0])
    command = typer.main.get_command(module.app)
    command.name = name
    return command


class LazyCommands(TyperGroup):
    """Shows every command from the table above and imports only the one that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of its line in the table."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


app = typer.Typer(
    cls=LazyCommands,
    help="Watch what is said about markets and ring the bell when it turns bad.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _line_in_the_table() -> None:
    """Never runs: `LazyCommands` puts the real command in its place."""


for _name, (_module, _help) in COMMANDS.items():
    app.command(_name, help=_help)(_line_in_the_table)


def main() -> None:
    """Run the command line; a mistake of the user's is one line and exit code 2."""
    try:
        app()
    except TocsinError as error:
        sys.stderr.write(f"tocsin: {error}\n")
        sys.exit(USAGE_EXIT)
