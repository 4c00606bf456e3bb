"""When a row of a replay is due: event time mapped to wall time, piece by piece, and back: pure.

phases: [{until: 2022-11-05T00:00:00Z, speed: 0}]   speed: 3600
event  start ........ 5 Nov ................. end       history as fast as it goes, then an hour a second
wall   0 ............ 0 ..................... (end - 5 Nov) / 3600
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SLIP_S = 0.25


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


@dataclass(slots=True)
class Pace:
    """A schedule tied to the wall. Where a replay is held up its time stands still: it never hurries to catch up.

    Attributes:
        schedule: the pace.
        anchor_ms: wall time at which the replay's first row was due, held-up time left out.
    """

    schedule: Schedule
    anchor_ms: int

    @classmethod
    def resumed(cls, schedule: Schedule, event_ms: int, now_ms: int) -> Pace:
        """A replay that goes on at an event time, now."""
        return cls(schedule, now_ms - int(schedule.wall_offset(event_ms) * 1000))

    def wait_s(self, event_ms: int, now_ms: int) -> float:
        """Seconds until an event time is due; 0 when it is."""
        return max(0.0, self.schedule.wall_offset(event_ms) - (now_ms - self.anchor_ms) / 1000)

    def taken(self, event_ms: int, now_ms: int) -> None:
        """A row of that event time was published: if it was over SLIP_S late, so is all that follows."""
        late_s = (now_ms - self.anchor_ms) / 1000 - self.schedule.wall_offset(event_ms)
        if late_s > SLIP_S:
            self.anchor_ms += int(late_s * 1000)

    def event_ms(self, now_ms: int) -> int | None:
        """The event time reached; None where rows alone say."""
        return self.schedule.event_at(max(0.0, (now_ms - self.anchor_ms) / 1000))


def _wall_seconds(event_ms: int, speed: float) -> float:
    return event_ms / 1000 / speed if speed else 0.0
