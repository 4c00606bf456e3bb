"""When a row of a replay is due: event time mapped to wall time, piece by piece, and back: pure.

phases: [{until: 2022-11-05T00:00:00Z, speed: 0}]   speed: 3600
event  start ........ 5 Nov ................. end       history as fast as it goes, then an hour a second
wall   0 ............ 0 ..................... (end - 5 Nov) / 3600
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a replay.

    Attributes:
        until_ms: where it ends, event time.
        speed: event seconds per wall second; 0 = as fast as it goes.
    """

    until_ms: int
    speed: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The pace of a replay.

    Attributes:
        start_ms: event time of its first row.
        speed: of what lies beyond the last phase; 0 = as fast as it goes.
        phases: in order of time.
    """

    start_ms: int
    speed: float = 0.0
    phases: Sequence[Phase] = ()

    def __post_init__(self) -> None:
        if self.speed < 0 or any(phase.speed < 0 for phase in self.phases):
            raise ValueError("a speed is 0 or more")
        ends = [phase.until_ms for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError("phases come in order of time, each later than the one before")

    def speed_at(self, event_ms: int) -> float:
        """The speed at an event time."""
        return next((phase.speed for phase in self.phases if event_ms < phase.until_ms), self.speed)

    def wall_offset(self, event_ms: int) -> float:
        """Seconds of wall time from the replay's start until an event time is due; never decreases."""
        seconds, at = 0.0, self.start_ms
        for phase in self.phases:
            if event_ms <= at:
                break
            end = max(at, min(phase.until_ms, event_ms))
            seconds += _wall_seconds(end - at, phase.speed)
            at = max(at, phase.until_ms)
        return seconds + _wall_seconds(max(0, event_ms - at), self.speed)

    def event_at(self, wall_s: float) -> int | None:
        """The event time reached `wall_s` seconds after the start; None where rows alone say how far it is (speed 0).

        What takes no wall time is passed at once: at the moment an unpaced phase begins, its end is reached.
        """
        at = self.start_ms
        for phase in self.phases:
            if phase.until_ms <= at or phase.speed == 0:
                at = max(at, phase.until_ms)
                continue
            span = _wall_seconds(phase.until_ms - at, phase.speed)
            if wall_s < span:
                return at + int(wall_s * phase.speed * 1000)
            wall_s -= span
            at = phase.until_ms
        return at + int(wall_s * self.speed * 1000) if self.speed else None


def _wall_seconds(event_ms: int, speed: float) -> float:
    return event_ms / 1000 / speed if speed else 0.0
