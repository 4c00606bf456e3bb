"""The stages as processes: which there are, how each is started, what its environment says."""

from __future__ import annotations

import string
import sys
from dataclasses import dataclass
from pathlib import Path

from tocsin.stack.programs import Program
from tocsin.stack.state import Home, Process

# The order of the flow; `scorer` and `aggregator` may run several times, `evaluator` and `notify` may have standbys.
STAGES = ("ingest", "scorer", "aggregator", "evaluator", "notify", "desk")
SCALED = ("scorer", "aggregator")
STOOD_BY = ("evaluator", "notify")
CONFIG_FILES = ("sources.yaml", "watchlist.yaml", "rules.yaml", "routes.yaml")
# A Faust worker finishes its batch and commits in two seconds; a hung one is killed after this.
GRACE_S = 15


@dataclass(frozen=True, slots=True)
class Slot:
    """One process of a stage."""

    stage: str
    slot: str

    @property
    def name(self) -> str:
        """`scorer-a`, `scorer-b`; a stage that runs once is called by its own name, its standby `evaluator-b`."""
        return f"{self.stage}-{self.slot}" if self.stage in SCALED or self.slot != "a" else self.stage


def slots(scorers: int, aggregators: int, standbys: int = 0) -> list[Slot]:
    """The processes to run, in the order of the flow."""
    counts = {"scorer": scorers, "aggregator": aggregators} | dict.fromkeys(STOOD_BY, 1 + standbys)
    return [Slot(stage, letter) for stage in STAGES for letter in string.ascii_lowercase[: counts.get(stage, 1)]]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is.

    Attributes:
        kafka: host:port[,host:port...].
        redis: URL.
        desk_host: where the page listens.
        desk_port: where the page listens.
    """

    kafka: str
    redis: str
    desk_host: str
    desk_port: int

    @property
    def desk(self) -> str:
        """The page's URL."""
        return f"http://{self.desk_host}:{self.desk_port}"


def environment(home: Home, config: Path, addresses: Addresses) -> dict[str, str]:
    """The settings (contracts/settings.py) that every stage of a stack shares."""
    return {
        "TOCSIN_HOME": str(home.path),
        "TOCSIN_KAFKA__BOOTSTRAP": addresses.kafka,
        "TOCSIN_REDIS__URL": addresses.redis,
        "TOCSIN_INGEST__SOURCES": str(config / "sources.yaml"),
        "TOCSIN_INGEST__WATCHLIST": str(config / "watchlist.yaml"),
        "TOCSIN_EVALUATOR__RULES": str(config / "rules.yaml"),
        "TOCSIN_EVALUATOR__WATCHLIST": str(config / "watchlist.yaml"),
        "TOCSIN_NOTIFY__ROUTES": str(config / "routes.yaml"),
        "TOCSIN_NOTIFY__DESK_URL": addresses.desk,
        "TOCSIN_DESK__HOST": addresses.desk_host,
        "TOCSIN_DESK__PORT": str(addresses.desk_port),
        "TOCSIN_DESK__DATABASE": f"sqlite:///{home.data / 'desk.sqlite'}",
        "TOCSIN_DESK__WATCHLIST": str(config / "watchlist.yaml"),
        "PYTHONUNBUFFERED": "1",
        # glibc gives every thread an arena of its own; with two a stage stays a third smaller.
        "MALLOC_ARENA_MAX": "2",
    }


def program(home: Home, slot: Slot, metrics_port: int) -> Program:
    """How one process of a stage is started; the rest of its environment is what `environment` says.

    Args:
        home: of the stack.
        slot: the process.
        metrics_port: where it serves `/metrics` and `/health`.
    """
    return Program(
        slot.name,
        (sys.executable, "-m", "tocsin.run", slot.stage, "--slot", slot.slot),
        home.log(slot.name),
        {"TOCSIN_METRICS_PORT": str(metrics_port)},
        GRACE_S,
    )


def process(home: Home, slot: Slot, metrics_port: int) -> Process:
    """The same, as `tocsin status` will look for it."""
    return Process(slot.name, slot.stage, slot.slot, metrics_port, str(home.log(slot.name)))


def store_process(home: Home, name: str) -> Process:
    """Kafka or Redis, as `tocsin status` will look for it."""
    return Process(name, "", "", 0, str(home.log(name)))
