"""What every sink is, and what it is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from contracts.errors import TocsinError
from contracts.messages import Transition

Kind = Literal["alert", "repeat", "group", "storm", "daily", "alive", "test"]


class DeliveryError(TocsinError):
    """An attempt failed.

    Attributes:
        permanent: trying again would fail the same way.
        retry_after_s: the sink asked to be left alone this long.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that a sink is told.

    Attributes:
        kind: `alert` and `repeat` hold one transition, `group`, `storm` and `daily` one or more, `alive` none; `test` marks a
            transition that is not real.
        transitions: what it is about, worst first.
        key: the same over all attempts, and different for everything else: a receiver that remembers keys gets it once.
    """

    kind: Kind
    transitions: tuple[Transition, ...] = ()
    key: str = ""

    @classmethod
    def of(cls, transition: Transition, kind: Kind = "alert", again: int = 0) -> Notice:
        """About one step of one alert. `again`: which repetition."""
        key = f"{transition.alert}/{transition.number}"
        return cls(kind, (transition,), f"{key}/{kind}-{again}" if kind != "alert" else key)

    @classmethod
    def about(cls, kind: Kind, transitions: tuple[Transition, ...], name: str) -> Notice:
        """About several. `name`: of the group or the day."""
        steps = ",".join(sorted(f"{t.alert}/{t.number}" for t in transitions))
        return cls(kind, transitions, f"{kind}/{hashlib.sha256(f'{name}|{steps}'.encode()).hexdigest()[:32]}")


class Sink(Protocol):
    """Delivers one notice per call, or raises DeliveryError."""

    def send(self, notice: Notice, now_ms: int) -> None:
        """One attempt. `now_ms`: wall time, milliseconds UTC."""

    def close(self) -> None:
        """Give up what is open."""
