"""One row's process: loads its model, then reads every text once each time it is told `go`, and says how long it took.

Imports nothing but the standard library, for it runs in the peers' environment too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

ALONE = 200


def resident_mb() -> float:
    """This process's resident memory, MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def serve(read_all: Callable[[Sequence[str]], None], texts: Sequence[str]) -> None:
    """Answer `go` and `alone` on standard input with a JSON line each, until it closes."""
    read_all(texts[:32])
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line.strip() == "alone":
            took = []
            for text in texts[:ALONE]:
                started = time.perf_counter()
                read_all([text])
                took.append((time.perf_counter() - started) * 1000)
            said = {"p50_ms": median(took), "resident_mb": resident_mb()}
        else:
            started = time.perf_counter()
            read_all(texts)
            said = {"seconds": time.perf_counter() - started}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
