"""What the local stack runs: one `Program` per process, as data, so that a test can start it without a supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the stack.

    Attributes:
        name: unique in the stack, as `tocsin status` and `tocsin logs` show it.
        command: the program and its arguments.
        log: the file that takes its output.
        environment: variables added to those of the command that starts the stack.
        grace_s: seconds between SIGTERM and SIGKILL when it is stopped.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    grace_s: int = 10


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start `program` directly, unsupervised; its output is appended to its log."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command,
            env=os.environ | program.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def stop(program: Program, process: subprocess.Popen[bytes]) -> int:
    """Ask `process` to end, insist after `program.grace_s`, and return its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(program.grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def last_lines(log: Path, count: int = 3) -> str:
    """The last lines of a log on one line, for an error message; empty when there is none."""
    if not log.is_file():
        return ""
    return " | ".join(line.strip() for line in log.read_text(errors="replace").splitlines()[-count:] if line.strip())
