"""The model is a program of its own too (`python tests/model --depth 20`); its modules lie beside it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
