"""The log as a sink: one readable line per transition."""

from __future__ import annotations

import structlog

from contracts.messages import Transition

log = structlog.get_logger("alert")


class LogSink:
    """Writes to the process's log."""

    def __init__(self, desk_url: str) -> None:
        self._desk_url = desk_url

    def send(self, transition: Transition, now_ms: int) -> None:
        """Never fails."""
        log.warning(
            transition.why,
            state=transition.state,
            severity=transition.severity,
            alert=transition.alert,
            evidence=f"{self._desk_url}/alert/{transition.alert}",
        )
