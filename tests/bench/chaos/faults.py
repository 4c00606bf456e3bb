"""What goes wrong in a chaos run: faults, done to the real processes and files of a stack by the operating system."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from flow import Flow

from tocsin.stack.state import Home

WORKERS = ("scorer-a", "scorer-b", "aggregator-a", "aggregator-b", "evaluator")
VICTIMS = (*WORKERS, "ingest", "notify", "desk")
FREEZE_S = 13.0  # longer than the session time-out of 10 s and the lease of 5 s
LOST_S = 1.2  # of Redis' file: it is written to the disk once a second
SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        due_s: seconds after the start of the run.
        what: kill, freeze, add, remove, cut-redis, empty-redis, cut-scores.
        whom: process name, where there is a choice.
    """

    due_s: float
    what: str
    whom: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.whom}".strip()


def usual(seed: int, seconds: float) -> list[Fault]:
    """The three-minute schedule: every stage killed at least once, Redis twice, the broker once, the rest at random."""
    rng = random.Random(seed)
    names = [*VICTIMS, "redis", "redis", "kafka", *rng.choices(WORKERS, k=max(0, int(seconds / 6)))]
    rng.shuffle(names)
    return sorted(Fault(rng.uniform(2, seconds), "kill", name) for name in names)


def full(seed: int, seconds: float) -> list[Fault]:
    """The long schedule: more of each, with frozen processes, workers that come and go, and a Redis that loses a second."""
    rng = random.Random(seed)
    kills = [
        *VICTIMS,
        *rng.choices(VICTIMS, k=20),
        "evaluator-b",
        "notify-b",
        "redis",
        "redis",
        "kafka",
        "kafka",
        "kafka",
    ]
    faults = [Fault(rng.uniform(2, seconds), "kill", name) for name in kills]
    faults += [
        Fault(rng.uniform(2, seconds - 30), "freeze", name) for name in ("evaluator", *rng.sample(WORKERS[:4], k=2))
    ]
    faults += [Fault(rng.uniform(10, seconds), "cut-redis"), Fault(rng.uniform(10, seconds), "empty-redis")]
    for name in ("scorer-c", "aggregator-c"):
        # They are there at the start: each leaves and comes back, five rebalances in all.
        moments = sorted(rng.uniform(5, seconds) for _ in range(5))
        faults += [Fault(at, ("remove", "add")[n % 2], name) for n, at in enumerate(moments)]
    return sorted(faults)


# What the rule is there for, early enough that much is still to come.
PROVOKED: dict[str, list[Fault]] = {
    "gate": [Fault(12, "empty-redis"), Fault(22, "empty-redis")],
    "gap_check": [Fault(12, "cut-scores")],
    "rewind": [Fault(12, "cut-redis"), Fault(20, "cut-redis")],
    "versioned_dirty": [],
    "fencing": [Fault(10, "freeze", "evaluator")],
}


@dataclass(slots=True)
class Saboteur:
    """Does faults to a flow, and remembers how long Redis' file was a second ago."""

    flow: Flow
    _sizes: list[tuple[float, int]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _asleep: list[threading.Timer] = field(default_factory=list)

    def watch(self) -> None:
        """Begin to remember."""
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            file = self._append_only_file()
            if file.exists():
                self._sizes.append((time.monotonic(), file.stat().st_size))
                del self._sizes[:-100]

    def _append_only_file(self) -> Path:
        return Home(self.flow.home).redis / "appendonly.aof"

    def do(self, fault: Fault) -> bool:
        """Do it; False when there was nobody to do it to."""
        if fault.what == "kill":
            return self.flow.kill(fault.whom)
        if fault.what == "freeze":
            return self._freeze([fault.whom], FREEZE_S)
        if fault.what in ("add", "remove"):
            return self.flow.change(fault.whom, start=fault.what == "add")
        if fault.what in ("cut-redis", "empty-redis"):
            return self._cut_redis(LOST_S if fault.what == "cut-redis" else float("inf"))
        if fault.what == "cut-scores":
            return self._cut_scores()
        raise ValueError(fault.what)

    def end(self) -> None:
        """Wake who is still frozen."""
        self._over.set()
        for timer in self._asleep:
            timer.join()

    def _freeze(self, names: list[str], seconds: float) -> bool:
        pids = [pid for name, pid in self.flow.pids().items() if name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        timer = threading.Timer(seconds, _wake, (pids,))
        self._asleep.append(timer)
        timer.start()
        return bool(pids)

    def _cut_redis(self, lost_s: float) -> bool:
        """Kill Redis; while its supervisor looks away, take the end off its file."""
        with self.flow.killed("redis") as killed:
            moment = time.monotonic() - lost_s
            before = [size for at, size in self._sizes if at <= moment]
            file = self._append_only_file()
            if file.exists():
                os.truncate(file, min(before[-1] if before else 0, file.stat().st_size))
        return killed

    def _cut_scores(self) -> bool:
        """The broker loses scores that nobody has counted yet: aggregators sleep meanwhile, scorers go on."""
        self._freeze(["aggregator-a", "aggregator-b", "aggregator-c"], 8.0)
        logs = [path for path in self.flow.home.rglob("scores-*/*.log") if "dead" not in path.parent.name]
        lengths = {path: path.stat().st_size for path in logs}
        time.sleep(4)
        with self.flow.killed("kafka") as killed:
            for path, length in lengths.items():
                os.truncate(path, length)
        return killed


def _wake(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue  # it was killed in its sleep
