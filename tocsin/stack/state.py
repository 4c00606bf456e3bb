"""The home folder of a local stack, and the file in it that says what runs where."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import UserError

MARKER = "tocsin-home"
# A unix socket's address holds 108 bytes with its closing zero (sys/un.h).
SOCKET_PATH_MAX = 100


@dataclass(frozen=True, slots=True)
class Process:
    """One running part of the stack.

    Attributes:
        name: as `tocsin status` and `tocsin logs` call it.
        stage: the stage it runs; empty for Kafka and Redis.
        slot: which of several of the same stage.
        metrics_port: where it serves `/metrics` and `/health`; 0 for Kafka and Redis.
        log: its log file.
    """

    name: str
    stage: str
    slot: str
    metrics_port: int
    log: str


@dataclass(frozen=True, slots=True)
class State:
    """What `tocsin up` started.

    Attributes:
        supervisor_pid: the process that restarts the others.
        started_ms: when, milliseconds UTC.
        config: the folder of the four configuration files.
        kafka: host:port of the brokers.
        redis: address of Redis; may hold a password.
        desk: address of the page.
        processes: in the order they start.
    """

    supervisor_pid: int
    started_ms: int
    config: str
    kafka: str
    redis: str
    desk: str
    processes: tuple[Process, ...]

    def process(self, name: str) -> Process:
        """The process of that name, or the only one of that stage.

        Raises:
            UserError: there is none; the message lists those that are.
        """
        for each in self.processes:
            if name in (each.name, each.stage):
                return each
        raise UserError(f"no process is called {name!r}; there are {', '.join(each.name for each in self.processes)}")


@dataclass(frozen=True, slots=True)
class Home:
    """One folder that holds everything of a stack.

    Attributes:
        path: absolute.
    """

    path: Path

    @property
    def kafka(self) -> Path:
        """The broker's configuration and log segments."""
        return self.path / "kafka"

    @property
    def redis(self) -> Path:
        """The configuration and append-only file of Redis."""
        return self.path / "redis"

    @property
    def data(self) -> Path:
        """What stages keep: the desk's database."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """What is true only while the stack runs."""
        return self.path / "run"

    @property
    def socket(self) -> Path:
        """The supervisor's socket: in the home, or in the folder for temporary files where that path is too long."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_MAX:
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tocsin-{os.getuid()}-{digest}.sock"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the folders.

        Raises:
            UserError: the folder holds something else, or cannot be written.
        """
        marker = self.path / MARKER
        try:
            if not marker.exists():
                if self.path.exists() and any(self.path.iterdir()):
                    raise UserError(
                        f"{self.path} already holds files that are not Tocsin's; choose an empty folder: --home DIR"
                    )
                self.path.mkdir(parents=True, exist_ok=True)
                marker.write_text("Everything in this folder belongs to Tocsin; `tocsin down --wipe` deletes it.\n")
            for folder in (self.kafka, self.redis, self.data, self.logs, self.run):
                folder.mkdir(exist_ok=True)
            self.run.chmod(0o700)
        except OSError as error:
            raise UserError(
                f"{self.path}: {error.strerror}; choose a folder that can be written: --home DIR"
            ) from error

    def wipe(self) -> bool:
        """Delete everything; whether there was anything.

        Raises:
            UserError: it is not a folder that Tocsin made.
        """
        if not self.path.exists():
            return False
        if not (self.path / MARKER).exists():
            raise UserError(f"{self.path} was not made by tocsin; it is left alone")
        shutil.rmtree(self.path)
        return True

    def write_state(self, state: State) -> None:
        """Say what runs where; readers see the old file or the new one."""
        temporary = self.run / "state.json.new"
        temporary.write_text(json.dumps(dataclasses.asdict(state), indent=1))
        temporary.chmod(0o600)
        temporary.replace(self.run / "state.json")

    def read_state(self) -> State | None:
        """What `write_state` said, or None when no stack was started since the last `down`."""
        try:
            content: dict[str, Any] = json.loads((self.run / "state.json").read_text())
        except FileNotFoundError:
            return None
        return State(**content | {"processes": tuple(Process(**each) for each in content["processes"])})

    def forget_state(self) -> None:
        """Nothing runs any more."""
        (self.run / "state.json").unlink(missing_ok=True)
