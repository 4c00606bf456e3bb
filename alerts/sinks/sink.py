"""What every sink is."""

from __future__ import annotations

from typing import Protocol

from contracts.errors import TocsinError
from contracts.messages import Transition


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


class Sink(Protocol):
    """Delivers one transition per call, or raises DeliveryError."""

    def send(self, transition: Transition, now_ms: int) -> None:
        """One attempt. `now_ms`: wall time, milliseconds UTC."""
