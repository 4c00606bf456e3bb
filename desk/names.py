"""What things are called on the page: entities by their watchlist names, topics, rules and states in plain words.

Every word a reader sees that is not in a template is here or in `notices.py`, so that a second language has two places to go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.messages import Replay
from contracts.series import ALL, entity_of, topic_of
from contracts.watchlist import WatchedEntity

TOPICS = {
    "analyst": "Analyst calls",
    "banks_financials": "Banks and financials",
    "bonds_fx_rates": "Bonds, currencies, rates",
    "company_product": "Companies and products",
    "deals_ma_ipo": "Deals and listings",
    "earnings_dividend": "Earnings and dividends",
    "energy_commodities": "Energy and commodities",
    "general_other": "General",
    "legal_regulation": "Law and regulation",
    "macro_policy": "Economy and policy",
    "management_change": "Management changes",
    "market_moves": "Market moves",
    "politics": "Politics",
    "stock_commentary": "Stock commentary",
}
RULES = {
    "negative": "Negative spike",
    "volume": "Volume spike",
    "viral": "Viral story",
    "market": "Market-wide shock",
    "source": "Source trouble",
}
SEVERITIES = {"critical": "Critical", "warning": "Warning", "info": "Info"}
STATES = {"pending": "Pending", "firing": "Firing", "resolved": "Resolved", "withdrawn": "Withdrawn"}
SOURCE_STATES = {"alive": "alive", "silent": "silent", "stopped": "stopped", "over": "replayed to its end"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a series is about, in words.

    Attributes:
        name: the entity, or the topic where there is none.
        detail: the topic of an entity/topic pair, else empty.
        kind: `entity`, `topic`, `all` or `other`.
    """

    name: str
    detail: str
    kind: str

    @property
    def full(self) -> str:
        """Both in one line."""
        return f"{self.name} · {self.detail}" if self.detail else self.name


@dataclass(frozen=True, slots=True)
class Names:
    """Entity ids to the names that the watchlist gives them. An id that left the watchlist shows as itself."""

    entities: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, watchlist: Iterable[WatchedEntity]) -> Names:
        """The names in a watchlist."""
        return cls({entity.id: entity.name for entity in watchlist})

    def entity(self, entity: str) -> str:
        """An entity's name."""
        return self.entities.get(entity, entity)

    def subject(self, series: str) -> Subject:
        """What a series is about.

        >>> Names({"ftx": "FTX"}).subject("entity:ftx/topic:legal_regulation").full
        'FTX · Law and regulation'
        """
        entity, topic = entity_of(series), topic_of(series)
        words = topic_words(topic) if topic else ""
        if entity is not None:
            return Subject(self.entity(entity), words, "entity")
        if topic:
            return Subject(words, "", "topic")
        if series == ALL:
            return Subject("All documents", "", "all")
        return Subject(series, "", "other")


def topic_words(topic: str) -> str:
    """A topic in plain words; one that this release does not know shows as itself, readable."""
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())


def window_words(minutes: int) -> str:
    """A window's span: `5 min`, `60 min`, `6 h`.

    >>> [window_words(m) for m in (5, 60, 360, 1440)]
    ['5 min', '60 min', '6 h', '24 h']
    """
    return f"{minutes // 60} h" if minutes > 60 and minutes % 60 == 0 else f"{minutes} min"


def speed_words(replay: Replay) -> str:
    """How fast event time runs in a replay.

    >>> speed_words(Replay(start_ms=0, end_ms=1, speed=3600))
    '3,600 times as fast as life'
    """
    return f"{replay.speed:,.10g} times as fast as life" if replay.speed > 0 else "as fast as it goes"
