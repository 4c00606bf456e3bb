"""When daily digests and signs of life are due: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from alerts.routes import Digest

EVALUATED_WITHIN_S = 300  # on the wall clock the evaluator passes every second; behind by more it is dead or starved


def daily_due(digest: Digest, now_ms: int) -> str | None:
    """The day (in the digest's place) whose digest is due by now; None before its time of day."""
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(digest.location))
    hours, minutes = digest.at.split(":")
    return here.date().isoformat() if (here.hour, here.minute) >= (int(hours), int(minutes)) else None


def switch_due(clock: Literal["wall", "replay"], evaluated: bytes | str | None, now_ms: int) -> bool:
    """Whether Tocsin may say that it lives: only while alerts are being evaluated. A replay's clock proves nothing."""
    if clock == "replay":
        return True
    return evaluated is not None and now_ms / 1000 - int(evaluated) <= EVALUATED_WITHIN_S
