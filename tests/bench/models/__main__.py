"""Texts a second of the bundle beside its peers, on the same texts, tokenising included. Prints figures; asserts nothing.

    python tests/bench/models [--bundle FOLDER] [--texts 4096] [--rounds 3] [--rows NAME,...]

Every row is a process of its own (ours two, as two scorers are), loaded once. In each round the rows take turns, so that
what else the machine does meets all of them; a row's figure is the median of its rounds. Peers live in an environment
that this command makes in the user's cache folder, with the versions pinned in peers.txt; one that cannot be installed or
fails is named with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from texts import mixed_texts  # noqa: E402

from inference.bundle import shipped  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tocsin-bench" / "models"
ENVIRONMENT, MODEL, TEXTS = CACHE / "env", CACHE / "model", CACHE / "texts.json"
PEERS = {
    "pipeline-1": "transformers.pipeline, batch 1",
    "pipeline-32": "transformers.pipeline, batch 32",
    "sentence-transformers": "sentence-transformers, encode + linear",
    "infinity-emb": "infinity-emb, classify",
    "onnxruntime-32": "ONNX Runtime fp32 as exported, batch 32",
}
OURS = "ours"
console = Console()


class RowFailed(Exception):
    """A row's process ended; the message is the last line that it wrote."""


@dataclass
class Row:
    """A row of the table: its processes and what they said."""

    title: str
    commands: list[list[str]]
    seconds: list[float] = field(default_factory=list)
    alone: dict[str, Any] = field(default_factory=dict)
    failed: str = ""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> None:
        """Start the processes and wait until they have loaded."""
        for command in self.commands:
            self.processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE,
                    env=os.environ | {"TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(HERE.parents[2])},
                )
            )  # fmt: skip
        for process in self.processes:
            self._said(process)

    def go(self) -> None:
        """One round: all processes at once."""
        started = time.perf_counter()
        for process in self.processes:
            self._tell(process, "go")
        for process in self.processes:
            self._said(process)
        self.seconds.append(time.perf_counter() - started)

    def stop(self) -> None:
        """Ask the first process for its latency and memory, then end all."""
        if not self.failed:
            self._tell(self.processes[0], "alone")
            self.alone = self._said(self.processes[0])
        for process in self.processes:
            process.kill()
            process.wait()

    @staticmethod
    def _tell(process: subprocess.Popen[str], word: str) -> None:
        assert process.stdin is not None
        process.stdin.write(word + "\n")
        process.stdin.flush()

    @staticmethod
    def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
        raise RowFailed(process.stderr.read().strip().splitlines()[-1])


def peers_python() -> tuple[Path, dict[str, str]]:
    """The peers' interpreter, and which rows cannot run and why. Installs what is missing."""
    python = ENVIRONMENT / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    if not python.exists():
        with console.status("making the peers' environment, once (some GB)"):
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], check=True)
    absent = {}
    for names, rows in ((HERE / "peers.txt", list(PEERS)), (HERE / "peers_infinity.txt", ["infinity-emb"])):
        done = ENVIRONMENT / f"{names.stem}.done"
        if done.exists() and done.read_bytes() == names.read_bytes():
            continue
        with console.status(f"installing {names.name}"):
            command = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(names)]
            result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode:
            last = result.stderr.strip().splitlines()[-1].strip()
            absent |= dict.fromkeys(rows, f"cannot be installed here: {last}")
        else:
            done.write_bytes(names.read_bytes())
    if not absent.keys() >= PEERS.keys() and not (MODEL / "model.onnx").exists():
        with console.status("making the peers' model"):
            subprocess.run([str(python), str(HERE / "peers.py"), "make", str(MODEL)], check=True, capture_output=True)
    return python, absent


def rows_of(names: list[str], bundle: Path) -> dict[str, Row]:
    """The rows that were asked for, in the table's order."""
    rows = {}
    if any(name in PEERS for name in names):
        python, absent = peers_python()
        for name, title in PEERS.items():
            if name in names:
                rows[name] = Row(title, [[str(python), str(HERE / "peers.py"), name, str(MODEL), str(TEXTS)]])
                rows[name].failed = absent.get(name, "")
    if OURS in names:
        ours = [sys.executable, str(HERE / "ours.py"), str(bundle), str(TEXTS)]
        rows[OURS] = Row("ours, ONNX Runtime int8, 2 scorers", [[*ours, str(part), "2"] for part in range(2)])
    return rows


def measure(rows: dict[str, Row], rounds: int) -> None:
    """Load all rows, then let them take turns."""
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("loading", total=len(rows) * (rounds + 1))
        for step in range(rounds + 1):
            for row in rows.values():
                progress.update(bar, description=f"{'loading' if not step else f'round {step}'}: {row.title}")
                try:
                    if not row.failed:
                        row.go() if step else row.start()
                except (RowFailed, BrokenPipeError) as error:
                    row.failed = str(error)
                progress.advance(bar)


def show(rows: dict[str, Row], count: int) -> None:
    """Print the table."""
    slowest = rows.get("pipeline-1")
    per_s = {name: count / median(row.seconds) for name, row in rows.items() if row.seconds}
    table = Table("what", "texts/s", "x pipeline 1", "rounds, s", "one text p50", "memory", title=f"{count} texts")
    for name, row in rows.items():
        if row.failed:
            table.add_row(row.title, f"[dim]{row.failed[:90]}[/dim]")
            continue
        base = per_s.get("pipeline-1") if slowest else None
        table.add_row(
            row.title,
            f"{per_s[name]:.0f}",
            f"{per_s[name] / base:.1f}" if base else "",
            " ".join(f"{s:.1f}" for s in row.seconds),
            f"{row.alone['p50_ms']:.1f} ms",
            f"{row.alone['resident_mb']:.0f} MB" + (" each" if len(row.commands) > 1 else ""),
        )
    console.print(table)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=shipped("en"))
    parser.add_argument("--texts", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default=",".join([*PEERS, OURS]))
    options = parser.parse_args()
    names = options.rows.split(",")
    unknown = set(names) - {*PEERS, OURS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join([*PEERS, OURS])}")
    CACHE.mkdir(parents=True, exist_ok=True)
    TEXTS.write_text(json.dumps(mixed_texts(options.texts)), encoding="utf-8")
    rows = rows_of(names, options.bundle.resolve())
    try:
        measure(rows, options.rounds)
    finally:
        for row in rows.values():
            row.stop()
    cores = len(os.sched_getaffinity(0))
    console.print(f"{platform.processor() or platform.machine()}, {cores} cores, Python {platform.python_version()}")
    show(rows, options.texts)


if __name__ == "__main__":
    main()
