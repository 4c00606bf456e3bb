"""What an alert carries to prove itself. Frozen into the transition: it stays true when the windows have moved on.

Every number here leads to documents: `documents` holds the five that weigh most, `contributing` the ids of all (at most
500, a count beyond).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Base of the parts of evidence."""

    model_config = ConfigDict(frozen=True)


class WindowEvidence(Part):
    """One window's counts against its baseline. Counts are distinct texts unless said otherwise."""

    minutes: int = Field(description="span of the window, minutes of event time")
    start_ms: int = Field(default=0, description="event time of the first minute that was summed; 0 = not told")
    end_ms: int = Field(default=0, description="event time behind the last minute that was summed; 0 = not told")
    negative: int
    all: int
    copies: int = 0
    expected_negative: float = Field(description="what the baseline expects in this span")
    expected_all: float
    p_count: float = Field(description="chance of at least this many negative texts, floor 1e-8 when shown")
    p_share: float = Field(description="chance of at least this share given the volume")
    share: float
    usual_share: float
    score: float = Field(description="S of this window, see alerts/detector.py")
    negative_mass: float = Field(default=0.0, description="sum of calibrated p(negative)")
    negative_mass_low: float = Field(default=0.0, description="lower end of its 95 % interval")
    negative_mass_high: float = Field(default=0.0, description="upper end of its 95 % interval")


class TimelinePoint(Part):
    """One bar of the chart: a span of event time, its counts, and the band that the baseline expects."""

    start_ms: int
    minutes: int
    negative: int
    all: int
    expected: float = Field(description="expected negative texts")
    low: float = Field(description="lower end of the 95 % band")
    high: float = Field(description="upper end of the 95 % band")


class DocumentEvidence(Part):
    """A document that speaks for the alert."""

    id: str
    source: str
    snippet: str
    url: str | None = None
    author: str | None = None
    published_ms: int
    p_negative: float
    weight: float = Field(description="its share of the alert's negative mass")
    story: str
    position: int = 1
    highlights: list[tuple[int, int]] = Field(default_factory=list, description="[start, end) in the snippet")


class StoryEvidence(Part):
    """The largest story among the contributing documents."""

    story: str
    documents: int
    share: float


class Evidence(Part):
    """Why an alert exists."""

    windows: list[WindowEvidence] = Field(default_factory=list)
    window: int = Field(default=0, description="minutes of the window that decided")
    timeline: list[TimelinePoint] = Field(default_factory=list)
    documents: list[DocumentEvidence] = Field(default_factory=list, description="the five that weigh most")
    contributing: list[str] = Field(default_factory=list, description="ids of the contributing documents, at most 500")
    contributing_total: int = 0
    authors: int = 0
    largest_author_share: float = 0.0
    largest_story: StoryEvidence | None = None
    sources: dict[str, int] = Field(default_factory=dict, description="source -> contributing documents")
    sources_alive: list[str] = Field(default_factory=list)
    sources_silent: list[str] = Field(default_factory=list)
    incomplete: bool = Field(default=False, description="a usual source was silent in the window")
    bundle: str = ""
    threshold: float = 0.0
    margin: float = Field(default=0.0, description="S minus the threshold")
    counterfactual: str = Field(default="", description='"fires at 14, saw 17; without story S it would not"')
