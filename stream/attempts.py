"""How often a process has failed at one place: what tells a poison record from bad luck.

A batch that raises ends the process (its supervisor restarts it). When the same place has failed three times the batch is
taken record by record, and the record that still fails goes to dead letters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

LIMIT = 3


@dataclass(slots=True)
class Attempts:
    """Failures at one place, kept in a small file because the process that failed is gone.

    Attributes:
        path: the file; one per process slot.
    """

    path: Path

    def _read(self) -> dict[str, int]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}  # a file cut short by the crash counts as none: the place will simply fail once more
        return content if isinstance(content, dict) else {}

    def failed(self, places: dict[int, int]) -> None:
        """A batch that began at these offsets (partition -> offset) raised."""
        counts = self._read()
        names = [f"{partition}:{offset}" for partition, offset in places.items()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({name: counts.get(name, 0) + 1 for name in names}), encoding="utf-8")

    def exhausted(self, places: dict[int, int]) -> bool:
        """Whether one of these places has failed as often as is allowed."""
        counts = self._read()
        return any(counts.get(f"{partition}:{offset}", 0) >= LIMIT for partition, offset in places.items())

    def clear(self) -> None:
        """The place was passed."""
        self.path.unlink(missing_ok=True)
