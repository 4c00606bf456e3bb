"""The log as a sink: one readable line per notice."""

from __future__ import annotations

import structlog

from alerts import texts
from alerts.sinks.sink import Notice
from alerts.texts import Wording

log = structlog.get_logger("alert")


class LogSink:
    """Writes to the process's log."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def close(self) -> None:
        """Nothing is open between sends."""

    def send(self, notice: Notice, now_ms: int) -> None:
        """Never fails."""
        if notice.kind == "alive":
            log.info("Tocsin is alive")
        elif notice.kind in ("alert", "repeat", "test"):
            transition = notice.transitions[0]
            log.warning(
                transition.why,
                kind=notice.kind,
                state=transition.state,
                severity=transition.severity,
                alert=transition.alert,
                evidence=self._wording.link(transition.alert),
            )
        else:
            log.warning(
                texts.digest_title(notice.kind, notice.transitions, self._wording),
                kind=notice.kind,
                alerts=[texts.title(transition, self._wording) for transition in notice.transitions],
            )
