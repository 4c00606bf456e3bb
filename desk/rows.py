"""What the desk's database gives to its readers."""

from __future__ import annotations

from dataclasses import dataclass, field

OPEN_STATES = ("firing", "pending")


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as the board shows it: its newest transition in columns, in the order of the table.

    Attributes:
        severity: 0 info, 1 warning, 2 critical.
        recorded: kept for the record only: it fell into the part of a replay that teaches, or was over in a catch-up.
        minutes: span of the window that decided; negative, all_texts, copies and the expectations are of that window.
    """

    alert: str
    number: int
    series: str
    rule: str
    state: str
    severity: int
    page: bool
    recorded: bool
    onset_ms: int
    at_ms: int
    fired_ms: int | None
    resolved_ms: int | None
    score: float
    peak: float
    why: str
    minutes: int
    negative: int
    all_texts: int
    copies: int
    expected: float
    expected_all: float

    @property
    def is_open(self) -> bool:
        """Whether its spike has not been resolved or withdrawn."""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document. p_negative, negative and copy are towards the series it was asked for, else of the text as a whole."""

    id: str
    source: str
    kind: str
    lang: str
    story: str
    position: int
    url: str | None
    snippet: str
    published_ms: int
    topic: str
    p_negative: float
    negative: bool
    copy: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """Counts of a span of event time; texts are distinct ones, copies come on top."""

    texts: int = 0
    negative: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Newest:
    """How far the scores have come.

    Attributes:
        published_ms: event time of the newest scored document, milliseconds UTC, 0 = none yet.
        appended_ms: append time of the newest score, milliseconds UTC, 0 = none yet.
        origins: partition of `documents` -> the offset behind the last document that has a score.
    """

    published_ms: int
    appended_ms: int
    origins: dict[int, int] = field(default_factory=dict)
