"""The only place that reads the wall clock.

Logic takes times as arguments; shells take a `Clock`. All times are integers, milliseconds UTC.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Clock(Protocol):
    """Where a shell gets `now` from and how it waits."""

    def now_ms(self) -> int:
        """The time in this clock's own scale, milliseconds UTC."""

    def wall_ms(self) -> int:
        """The time on the wall, milliseconds UTC: for lags, leases and log lines."""

    def sleep(self, seconds: float) -> None:
        """Block for `seconds` of wall time."""

    async def asleep(self, seconds: float) -> None:
        """Wait for `seconds` of wall time without blocking the event loop."""


class WallClock:
    """The time as it is."""

    def now_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(max(0.0, seconds))

    async def asleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


@dataclass
class ReplayClock:
    """Wall time shifted and scaled: it shows `anchor_event_ms` at the anchor and runs `speed` times as fast as the wall.

    Attributes:
        anchor_event_ms: event time at the anchor, milliseconds UTC.
        anchor_wall_ms: wall time at the anchor, milliseconds UTC.
        speed: event milliseconds per wall millisecond; must be above 0.
        base: the clock that tells wall time.
    """

    anchor_event_ms: int
    anchor_wall_ms: int
    speed: float
    base: Clock = field(default_factory=WallClock)

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError(f"a replay clock needs a speed above 0, got {self.speed}")

    def now_ms(self) -> int:
        """Event time, milliseconds UTC."""
        return self.anchor_event_ms + int((self.base.wall_ms() - self.anchor_wall_ms) * self.speed)

    def wall_ms(self) -> int:
        """Wall time, milliseconds UTC."""
        return self.base.wall_ms()

    def sleep(self, seconds: float) -> None:
        """Block for wall seconds."""
        self.base.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait for wall seconds."""
        await self.base.asleep(seconds)


@dataclass
class ManualClock:
    """A clock that stands still until told: the test double, shipped because users of the library need it too."""

    ms: int = 0

    def now_ms(self) -> int:
        """What it was set to."""
        return self.ms

    def wall_ms(self) -> int:
        """What it was set to."""
        return self.ms

    def advance(self, ms: int) -> None:
        """Move forward by `ms` milliseconds."""
        self.ms += ms

    def sleep(self, seconds: float) -> None:
        """Advance instead of blocking."""
        self.ms += int(seconds * 1000)

    async def asleep(self, seconds: float) -> None:
        """Advance instead of waiting."""
        self.ms += int(seconds * 1000)
        await asyncio.sleep(0)
