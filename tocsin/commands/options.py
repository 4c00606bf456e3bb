"""Options that several commands share, and where a command finds the Kafka that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import read_settings
from tocsin.stack.local import given_addresses
from tocsin.stack.state import Home

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="TOCSIN_HOME", help="Folder of the local stack: data, logs, state.")
]
ConfigOption = Annotated[Path, typer.Option("--config", help="Folder of the four configuration files.")]
KafkaOption = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="A Kafka that already runs [TOCSIN_KAFKA__BOOTSTRAP]."),
]
RedisOption = Annotated[
    str | None, typer.Option("--redis", metavar="URL", help="A Redis that already runs [TOCSIN_REDIS__URL].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]

HOME = Path(".tocsin")
HERE = Path()


def home_of(path: Path) -> Home:
    """The home folder that an option named."""
    return Home(path.expanduser().resolve())


def kafka_address(given: str | None, home: Path) -> str:
    """The brokers a command talks to: those it was given, else the environment's, else those of the running stack."""
    settings = read_settings()
    named, _ = given_addresses(settings)
    state = home_of(home).read_state()
    return given or named or (state.kafka if state else settings.kafka.bootstrap)


def redis_address(given: str | None, home: Path) -> str:
    """The same for Redis."""
    settings = read_settings()
    _, named = given_addresses(settings)
    state = home_of(home).read_state()
    return given or named or (state.redis if state else settings.redis.url)
