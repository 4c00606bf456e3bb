"""What flows between stages: one pydantic model per message, JSON on the wire.

A field is only ever added with a default. Times are integers, milliseconds UTC, named `..._ms`. Ids are lower-case
hexadecimal: a document's id is a 128-bit hash (32 digits), a story's id is the id of its first document.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.evidence import Evidence

Sentiment = Literal["negative", "neutral", "positive"]
Topic = Literal[
    "analyst",
    "banks_financials",
    "bonds_fx_rates",
    "company_product",
    "deals_ma_ipo",
    "earnings_dividend",
    "energy_commodities",
    "general_other",
    "legal_regulation",
    "macro_policy",
    "management_change",
    "market_moves",
    "politics",
    "stock_commentary",
]
Rule = Literal["negative", "volume", "viral", "market", "source"]
State = Literal["pending", "firing", "resolved", "withdrawn"]
Severity = Literal["info", "warning", "critical"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
DocumentId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Milliseconds = Annotated[int, Field(ge=0)]

BODY_MAX_CHARACTERS = 20_000
SNIPPET_MAX_CHARACTERS = 280
RELEVANCE_COUNTED = 25  # a mention below this relevance is shown but not counted


class Message(BaseModel):
    """Base of every message. `SCHEMA` is the value of the `schema` header: name/version."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    SCHEMA: ClassVar[str]


class Mention(BaseModel):
    """An entity found in a document."""

    model_config = ConfigDict(frozen=True)
    entity: str = Field(min_length=1)
    spans: list[tuple[int, int]] = Field(default_factory=list, description="[start, end) in title + newline + body")
    relevance: int = Field(ge=0, le=100)
    session: str = Field(default="global", description="the market session whose season the entity follows")


class Document(Message):
    """One news item or comment, normalised."""

    SCHEMA: ClassVar[str] = "document/1"
    id: DocumentId
    source: str = Field(min_length=1)
    kind: Literal["news", "comment"] = "news"
    lang: str = Field(description="ISO 639-1, or `und` when it could not be told")
    title: str = ""
    body: str = Field(default="", max_length=BODY_MAX_CHARACTERS)
    url: str | None = None
    author: str | None = Field(default=None, description="keyed hash, never the name")
    published_ms: Milliseconds
    fetched_ms: Milliseconds
    flags: list[str] = Field(default_factory=list, description="what normalising changed: `truncated`, ...")
    story: DocumentId
    position: int = Field(ge=1, description="1 = novel; 2 and up spread the story")
    mentions: list[Mention] = Field(default_factory=list)
    watchlist: str = Field(default="", description="version of the watchlist that its mentions were found by")


class MentionScore(BaseModel):
    """A mention with the sentiment towards its entity."""

    model_config = ConfigDict(frozen=True)
    entity: str
    relevance: int = Field(ge=0, le=100)
    session: str = "global"
    sentiment: dict[Sentiment, Probability]
    from_text: bool = Field(
        default=False, description="true where the mention was not read and has only the document's own sentiment"
    )


class Score(Message):
    """Exactly one record per document: a score, or `rejected` with the reason."""

    SCHEMA: ClassVar[str] = "score/1"
    document: str = Field(description="document id; for an undecodable document the first 32 digits of its sha256")
    status: Literal["scored", "rejected"] = "scored"
    reason: str | None = Field(default=None, description="why it was rejected: `language`, `empty`, `undecodable`, ...")
    origin_partition: int = Field(ge=0)
    origin_offset: int = Field(ge=0)
    appended_ms: Milliseconds = Field(default=0, description="when the broker appended the document")
    published_ms: Milliseconds = 0
    source: str = ""
    kind: Literal["news", "comment"] = "news"
    lang: str = "und"
    story: str = ""
    position: int = Field(default=1, ge=1)
    author: str | None = None
    url: str | None = None
    snippet: str = Field(default="", max_length=SNIPPET_MAX_CHARACTERS)
    bundle: str = ""
    topic: dict[str, Probability] = Field(default_factory=dict)
    sentiment: dict[Sentiment, Probability] = Field(default_factory=dict)
    mentions: list[MentionScore] = Field(default_factory=list)
    share_offset: float = Field(default=0.0, description="how much more often its bundle says negative than the anchor")
    queue_us: int = 0
    tokenise_us: int = 0
    infer_us: int = 0

    @model_validator(mode="after")
    def _a_score_has_probabilities(self) -> Score:
        if self.status == "scored" and not (self.topic and self.sentiment):
            raise ValueError("a scored record carries topic and sentiment probabilities")
        if self.status == "rejected" and not self.reason:
            raise ValueError("a rejected record carries its reason")
        return self


class Shadow(Score):
    """What a challenger says about a document. Nothing but the champion writes `scores`."""

    SCHEMA: ClassVar[str] = "shadow/1"


class Transition(Message):
    """One step in an alert's life, numbered 1, 2, 3 ... per alert."""

    SCHEMA: ClassVar[str] = "transition/1"
    alert: DocumentId = Field(description="hash of series, rule and onset minute")
    number: int = Field(ge=1)
    series: str
    group: str
    rule: Rule
    state: State
    severity: Severity
    onset_ms: Milliseconds = Field(description="the minute in which the spike began, event time")
    at_ms: Milliseconds = Field(description="event time of this step")
    fired_ms: Milliseconds | None = None
    resolved_ms: Milliseconds | None = None
    decided_ms: Milliseconds = Field(default=0, description="wall time of the decision")
    score: float = Field(description="S when it fired (when it became pending, until then)")
    peak: float = Field(description="the highest S so far")
    page: bool = Field(default=True, description="false: recorded, but nobody is to be paged")
    late: bool = Field(default=False, description="over before it could be told: recorded during catch-up")
    learning: bool = Field(default=False, description="within the part of a replay that only teaches")
    why: str = Field(description="one sentence: what happened")
    evidence: Evidence
    actor: str | None = Field(default=None, description="the person who caused this step, if one did")


class Label(Message):
    """An analyst's judgement of a document."""

    SCHEMA: ClassVar[str] = "label/1"
    document: DocumentId
    analyst: str
    at_ms: Milliseconds
    topic: str | None = None
    sentiment: Sentiment | None = None
    mentions: dict[str, Sentiment] = Field(default_factory=dict)
    text: str
    lang: str = "und"
    guideline: str = ""
    seconds: float = Field(default=0.0, ge=0.0)
    lane: Literal["queue", "audit", "adjudicate", "gold"] = "queue"
    suggestion: dict[str, str] = Field(default_factory=dict)
    suggestion_bundle: str = ""


class Verdict(Message):
    """An analyst's judgement of an alert, or an acknowledgement, assignment or note."""

    SCHEMA: ClassVar[str] = "verdict/1"
    alert: DocumentId
    kind: Literal["verdict", "acknowledgement", "assignment", "note"]
    value: str = Field(description="true, false, late or duplicate for a verdict; who or what for the others")
    by: str
    at_ms: Milliseconds


class Silence(Message):
    """Alerts that match are not sent until the silence ends."""

    SCHEMA: ClassVar[str] = "silence/1"
    id: str
    matchers: list[str]
    starts_ms: Milliseconds
    until_ms: Milliseconds
    by: str
    comment: str = ""


class ModelAnnouncement(Message):
    """Which bundle holds a slot (`champion/en`, `challenger/en`)."""

    SCHEMA: ClassVar[str] = "model/1"
    slot: str
    bundle: str
    location: str
    manifest_sha256: str
    share_offsets: dict[str, float] = Field(default_factory=dict, description="`topic/lang` -> offset from the anchor")
    at_ms: Milliseconds = 0


class Replay(BaseModel):
    """How far a replayed source has come, and how fast event time runs in it."""

    model_config = ConfigDict(frozen=True)
    start_ms: Milliseconds
    end_ms: Milliseconds
    learn_until_ms: Milliseconds = Field(default=0, description="nothing before this event time pages anyone")
    speed: float = Field(default=0.0, description="event seconds per wall second; 0 = as fast as it goes")
    rows: int = 0
    rows_done: int = 0
    done: bool = False


class SourceHeartbeat(Message):
    """A source says that it is alive and how far it has come.

    `event_ms` and `ends` together are a promise: every document of this source published before `event_ms` lies below
    the offsets in `ends`. It is what lets event time pass in a replay when partitions receive nothing.
    """

    SCHEMA: ClassVar[str] = "source/1"
    source: str
    kind: str
    alive: bool
    at_ms: Milliseconds = Field(description="wall time of the heartbeat")
    newest_ms: Milliseconds = Field(default=0, description="event time of the newest item")
    items: int = 0
    items_per_hour: float = 0.0
    items_per_hour_expected: float | None = None
    cursor_age_ms: Milliseconds = 0
    event_ms: Milliseconds = 0
    ends: dict[int, int] = Field(default_factory=dict, description="partition of `documents` -> end offset")
    replay: Replay | None = None
    why: str = Field(default="", description="why it is not alive, in an operator's words; empty while it is")


class DeadLetter(Message):
    """A message that a stage could not use, with everything needed to see why and to try again."""

    SCHEMA: ClassVar[str] = "dead-letter/1"
    topic: str
    partition: int = Field(ge=-1, description="-1: it never reached a partition")
    offset: int = Field(ge=-1)
    stage: str
    reason: str
    detail: str = ""
    key: str | None = Field(default=None, description="base64")
    value: str = Field(default="", description="base64 of the first 64 KiB")
    size: int = Field(default=0, ge=0, description="bytes of the whole value")
    sha256: str = ""
    source: str = ""
    at_ms: Milliseconds = 0


MESSAGES: tuple[type[Message], ...] = (
    Document,
    Score,
    Shadow,
    Transition,
    Label,
    Verdict,
    Silence,
    ModelAnnouncement,
    SourceHeartbeat,
    DeadLetter,
)
