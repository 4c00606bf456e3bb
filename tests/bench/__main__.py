"""`make bench`: every measurement the documents quote, one after another, each a script of its own.

python tests/bench [NAME ...]
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
STREAM = HERE.parents[1] / "tocsin" / "streams"
MEASUREMENTS: dict[str, list[str]] = {
    "inference": ["inference_speed.py"],
    "ingest": ["ingest_speed.py"],
    "live": ["live_speed.py"],
    "detector": ["detector_speed.py"],
    "detector-table": ["detector"],
    "linking": ["linking.py"],
    "models": ["models"],
    "desk": ["desk_projection.py"],
    "flow": ["flow_speed.py"],
    "crises": [],
}
BACKTEST = [
    sys.executable, "-m", "tocsin", "backtest", str(STREAM / "crypto_2022_en_3src.csv.gz"),
    "--map", "time=ts,source=source,title=title", "--events", str(STREAM / "crypto_2022_known_events.csv"),
]  # fmt: skip


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> int:
    """Run the named measurements, or all."""
    names = sys.argv[1:] or list(MEASUREMENTS)
    unknown = set(names) - MEASUREMENTS.keys()
    if unknown:
        sys.stderr.write(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}\n")
        return 2
    sys.stdout.write(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    failed = []
    for name in names:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        command = BACKTEST if name == "crises" else [sys.executable, str(HERE / MEASUREMENTS[name][0])]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
