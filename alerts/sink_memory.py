"""What a sink has been told and what is held for it, in Redis: so that a restart repeats nothing and forgets nothing.

| key | holds |
|---|---|
| `sent:{sink}` | alert id -> number of the last step told |
| `told:{sink}` | alert id -> wall time of its last notice, milliseconds |
| `held:{sink}` | bucket + alert id/number -> due time and transition |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from contracts import codec
from contracts.messages import Transition

KEPT_MS = (
    30 * 24 * 3600 * 1000
)  # alerts that were told longer ago are forgotten: their transitions have left the topic's use
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Held:
    """A transition that waits in a bucket."""

    bucket: str
    due_ms: int
    transition: Transition


@dataclass(slots=True)
class SinkMemory:
    """One sink's memory; `load` before use.

    Attributes:
        numbers: alert id -> number of the last step told.
        last_ms: alert id -> wall time of its last notice.
        held: what waits, by its field in Redis.
    """

    redis: Any
    sink: str
    numbers: dict[str, int] = field(default_factory=dict)
    last_ms: dict[str, int] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)

    def load(self, now_ms: int) -> None:
        """Read everything, and forget what is older than a month."""
        self.numbers = {a.decode(): int(n) for a, n in self.redis.hgetall(f"sent:{self.sink}").items()}
        self.last_ms = {a.decode(): int(ms) for a, ms in self.redis.hgetall(f"told:{self.sink}").items()}
        old = [alert for alert, ms in self.last_ms.items() if ms < now_ms - KEPT_MS]
        if old:
            pipe = self.redis.pipeline()
            pipe.hdel(f"sent:{self.sink}", *old)
            pipe.hdel(f"told:{self.sink}", *old)
            pipe.execute()
            for alert in old:
                self.numbers.pop(alert, None)
                self.last_ms.pop(alert, None)
        self.held = {}
        for name, packed in self.redis.hgetall(f"held:{self.sink}").items():
            due, _, value = packed.partition(b" ")
            place = name.decode()
            self.held[place] = Held(place.partition(_BETWEEN)[0], int(due), codec.decode(Transition, value))

    def told(self, transitions: Iterable[Transition], now_ms: int) -> None:
        """The sink has these, whether they were held or not."""
        pipe = self.redis.pipeline()
        for transition in transitions:
            alert, number = transition.alert, max(transition.number, self.numbers.get(transition.alert, 0))
            self.numbers[alert], self.last_ms[alert] = number, now_ms
            pipe.hset(f"sent:{self.sink}", alert, number)
            pipe.hset(f"told:{self.sink}", alert, now_ms)
            for place in [p for p, held in self.held.items() if held.transition.alert == alert]:
                if self.held[place].transition.number <= number:
                    del self.held[place]
                    pipe.hdel(f"held:{self.sink}", place)
        pipe.execute()

    def hold(self, held: Held) -> None:
        """Keep a transition for its bucket's time."""
        place = f"{held.bucket}{_BETWEEN}{held.transition.alert}/{held.transition.number}"
        self.held[place] = held
        self.redis.hset(f"held:{self.sink}", place, b"%d " % held.due_ms + codec.encode(held.transition))

    def buckets(self) -> dict[str, int]:
        """When each bucket is due, by bucket."""
        due: dict[str, int] = {}
        for held in self.held.values():
            due[held.bucket] = min(held.due_ms, due.get(held.bucket, held.due_ms))
        return due

    def in_bucket(self, bucket: str) -> list[Transition]:
        """What a bucket holds: the newest step of each alert, worst first."""
        newest: dict[str, Transition] = {}
        for held in self.held.values():
            if held.bucket == bucket:
                known = newest.get(held.transition.alert)
                if known is None or known.number < held.transition.number:
                    newest[held.transition.alert] = held.transition
        rank = {"critical": 0, "warning": 1, "info": 2}
        return sorted(newest.values(), key=lambda t: (rank[t.severity], -t.score, t.alert))
