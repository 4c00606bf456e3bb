"""The world, the judge and the driver of the chaos run serve the system tests too: same truth, fewer faults."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "chaos"))
