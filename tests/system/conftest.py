"""A whole stack in a folder of its own, started and watched by its commands only: black box.

The world, the judge and the driver of the chaos run serve the system tests too: same truth, fewer faults.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "chaos"))

# With a session that answers at once: what is tested here is not the model.
QUICK = {"TOCSIN_SCORER__BUNDLE_EN": "deterministic"}


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack and the command that drives it.

    Attributes:
        folder: its four files; `home` in it is its home.
        environment: added to this process's.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(QUICK))

    @property
    def home(self) -> Path:
        """Data, logs, state."""
        return self.folder / "home"

    def command(self, name: str, *arguments: str) -> list[str]:
        """The words of `tocsin NAME ... --home HOME`."""
        return [sys.executable, "-m", "tocsin", name, *arguments, "--home", str(self.home)]

    def run(self, name: str, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(name, *arguments),
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def init(self) -> None:
        """Write its four files."""
        subprocess.run([sys.executable, "-m", "tocsin", "init", str(self.folder)], check=True, capture_output=True)

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start it on any free ports."""
        return self.run("up", "--config", str(self.folder), "--port-base", "0", *arguments)

    def down(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Stop it."""
        return self.run("down", *arguments)

    def rows(self) -> dict[str, dict[str, Any]]:
        """`tocsin status --json`, by process name."""
        done = self.run("status", "--json")
        return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}

    def state(self) -> dict[str, Any]:
        """What runs where."""
        content: dict[str, Any] = json.loads((self.home / "run" / "state.json").read_text())
        return content

    def pids(self) -> list[int]:
        """Every process of this stack that runs now, found by the operating system and not by asking the stack."""
        mark = f"TOCSIN_STACK={self.home.resolve()}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in variables:
                found.append(int(folder.name))
        return found


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack with its files written, not started; what a test leaves running is stopped."""
    stack = Stack(tmp_path)
    stack.init()
    yield stack
    stack.down()


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that runs, shared by all tests that only look at it or mend what they break."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.init()
    started = stack.up()
    assert started.returncode == 0, started.stderr
    yield stack
    stopped = stack.down()
    assert stopped.returncode == 0, stopped.stderr
    assert stack.pids() == []
