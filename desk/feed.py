"""What the pages need to know of whatever feeds the desk. The feed itself is `kafka_feed.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FeedState:
    """Whether the desk is fed.

    Attributes:
        reachable: the topics are being read.
        since_ms: wall time since when that has been so.
        reason: what is wrong while they are not.
        behind: messages between what was read and the ends of the topics when last asked.
        warnings: what happened to the log since this process started and a reader must know.
    """

    reachable: bool
    since_ms: int
    reason: str = ""
    behind: int = 0
    warnings: tuple[str, ...] = ()


class Feed(Protocol):
    """What the pages need of the feed."""

    def state(self) -> FeedState:
        """Whether the desk is fed."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back, from any thread, whenever rows or the state changed."""
