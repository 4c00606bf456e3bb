"""A flow under test: the real local stack in a folder of its own, started and watched by its commands only."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

TOCSIN = [sys.executable, "-m", "tocsin"]
SWITCHES = Path(__file__).parent / "switches"
MARKER = "this-is-a-chaos-run"  # switches/sitecustomize.py looks for it


@dataclass(slots=True)
class Flow:
    """One stack.

    Attributes:
        folder: its configuration; the home is the folder `home` in it.
        scorers: processes that score.
        aggregators: processes that count.
        standbys: processes behind evaluator and notify.
        switched_off: a rule of the protocol that its processes do not keep.
    """

    folder: Path
    scorers: int = 2
    aggregators: int = 2
    standbys: int = 0
    switched_off: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Where the stack keeps its data and logs."""
        return self.folder / "home"

    def _run(self, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "TOCSIN_SCORER__BUNDLE_EN": "deterministic",
            "TOCSIN_CLOCK": "replay",
            "TOCSIN_AGGREGATOR__AUDIT": "true",
        } | self.environment  # fmt: skip
        return subprocess.run(
            [*TOCSIN, *arguments], env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def up(self) -> None:
        """Start it; raises with what it said when it does not start."""
        if self.switched_off:
            from tocsin.stack.state import Home

            Home(self.home.resolve()).make()
            (self.home / MARKER).touch()
            path = os.pathsep.join([str(SWITCHES), *filter(None, [os.environ.get("PYTHONPATH")])])
            self.environment |= {"TOCSIN_CHAOS__SWITCH_OFF": self.switched_off, "PYTHONPATH": path}
        done = self._run(
            "up", "--config", str(self.folder), "--home", str(self.home), "--port-base", "0",
            "--scorers", str(self.scorers), "--aggregators", str(self.aggregators),
            "--standbys", str(self.standbys),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the stack did not start: {done.stderr}")

    def down(self) -> None:
        """Stop it."""
        self._run("down", "--home", str(self.home))

    def _state(self) -> dict[str, str]:
        state: dict[str, str] = json.loads((self.home / "run" / "state.json").read_text())
        return state

    @property
    def kafka(self) -> str:
        """host:port of the broker."""
        return self._state()["kafka"]

    @property
    def redis(self) -> str:
        """URL."""
        return self._state()["redis"]

    def pids(self) -> dict[str, int]:
        """Process name -> pid, as the supervisor has them now."""
        from tocsin.stack.processes import Supervisor
        from tocsin.stack.state import Home

        supervisor = Supervisor(Home(self.home))
        try:
            return {name: status.pid for name, status in supervisor.statuses().items() if status.pid}
        finally:
            supervisor.close()

    def kill(self, name: str) -> bool:
        """kill -9; False when it was not running just then."""
        pid = self.pids().get(name)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def change(self, name: str, *, start: bool) -> bool:
        """Start or stop one process through the supervisor; False when it was so already."""
        from tocsin.stack.processes import STAGES, Supervisor
        from tocsin.stack.state import Home

        supervisor = Supervisor(Home(self.home))
        try:
            supervisor._call("startProcess" if start else "stopProcess", f"{STAGES}:{name}", False)
        except xmlrpc.client.Fault:
            return False
        finally:
            supervisor.close()
        return True

    @contextlib.contextmanager
    def killed(self, name: str) -> Iterator[bool]:
        """kill -9; while this lasts, nobody restarts it. False when it was not running just then."""
        pid = self.pids().get(name, 0)
        supervisor = int(self._state()["supervisor_pid"])
        os.kill(supervisor, signal.SIGSTOP)
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
                while "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                    time.sleep(0.01)
            yield bool(pid)
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def evaluated_s(self) -> int:
        """Event time that has been evaluated, seconds; 0 while Redis is away."""
        try:
            with Redis.from_url(self.redis, socket_timeout=2) as redis:
                return int(redis.get("evaluated") or 0)
        except RedisError:
            return 0

    def wait_evaluated(self, until_s: int, limit_s: float, say: str) -> float:
        """Wait until event time `until_s` has been evaluated and sent; returns the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if self.evaluated_s() >= until_s and not self._unsent():
                return time.monotonic() - began
            time.sleep(0.5)
        raise TimeoutError(
            f"{say}: evaluated only up to {self.evaluated_s()} of {until_s} after {limit_s:.0f} s; logs are in {self.home}/logs"
        )

    def _unsent(self) -> bool:
        with Redis.from_url(self.redis, socket_timeout=2) as redis:
            return bool(redis.exists("unsent"))
