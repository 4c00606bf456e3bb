"""The port of a live source: what every kind of it must be able to do, and how it says that it cannot.

A source looks once per call and keeps nothing that a crash may not take: where it is, is its position, saved by its owner
together with what was published. It is told the position that was saved last; when that is not the one it handed out last,
what it handed out was not published, and it begins again from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.errors import TocsinError
from ingest.batch import Dead
from ingest.normalise import Item

Position = Mapping[str, Any]  # JSON: what a kind of source needs to go on


@dataclass(frozen=True, slots=True)
class Polled:
    """What one look brought.

    Attributes:
        position: to go on from, once the items are published.
        items: in the order of the source.
        dead: what could not become an item.
        unchanged: the source said that nothing is new.
        floor_s: not to be looked at sooner, by the publisher's own word; 0 = it says nothing.
        again_s: when to look again; None leaves it to how much comes.
        note: what an operator should know although it works (a moved address, broken XML).
    """

    position: Position
    items: Sequence[Item] = ()
    dead: Sequence[Dead] = ()
    unchanged: bool = False
    floor_s: float = 0.0
    again_s: float | None = None
    note: str = ""


class SourceTrouble(TocsinError):
    """A source that cannot be read now. It is tried again later; no other source is held up.

    Attributes:
        reason: one word, for logs and tests: `timeout`, `tls`, `refused`, `too_large`, ...
        detail: the sentence for an operator.
        retry_after_s: what the publisher asked for.
        lasting: nothing will change before a person acts (forbidden, gone): it is tried again rarely.
    """

    def __init__(self, reason: str, detail: str, *, retry_after_s: float | None = None, lasting: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.lasting = lasting


class LiveSource(Protocol):
    """One live source."""

    async def poll(self, now_ms: int, position: Position) -> Polled:
        """Look once.

        Args:
            now_ms: wall time.
            position: as saved; empty at the very first look.

        Raises:
            SourceTrouble: it cannot be read now.
        """

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Health:
    """How the looks at a source went: what its heartbeat says. Pure.

    Attributes:
        failures: looks that failed in a row.
        why: why it is not alive; empty while it is.
        paused_until_ms: too many of its items could not be used.
        note: what was said last of it although it works.
    """

    failures: int = 0
    why: str = ""
    paused_until_ms: int = 0
    note: str = ""
