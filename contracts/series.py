"""What is counted. A series is a word: `topic:politics`, `entity:ftx`, `entity:ftx/topic:politics` or `all`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from contracts.messages import RELEVANCE_COUNTED, Rule, Score

ALL = "all"
NEGATIVE_AT = 0.5  # a text is negative when p(negative) reaches this
DISTINCT_POSITIONS = 5  # story positions 1 to 5 count as distinct texts, later ones as copies


@dataclass(frozen=True, slots=True)
class Count:
    """What one document adds to one series.

    Attributes:
        series: the series' name.
        group: what the series shares its season with: the entity's market session, the topic, or `all`.
        negative: whether the text is negative towards what the series is about.
        p_negative: the calibrated probability behind it, 0 to 1.
    """

    series: str
    group: str
    negative: bool
    p_negative: float


def topic_series(topic: str) -> str:
    """`topic:T`."""
    return f"topic:{topic}"


def entity_series(entity: str) -> str:
    """`entity:E`."""
    return f"entity:{entity}"


def pair_series(entity: str, topic: str) -> str:
    """`entity:E/topic:T`."""
    return f"entity:{entity}/topic:{topic}"


def entity_of(series: str) -> str | None:
    """The entity that a series is about, or None."""
    return series.removeprefix("entity:").partition("/topic:")[0] if series.startswith("entity:") else None


def topic_of(series: str) -> str | None:
    """The topic that a series is about, or None."""
    _, found, topic = series.partition("topic:")
    return topic if found else None


def is_copy(position: int) -> bool:
    """Whether a text at this position of its story counts as a copy."""
    return position > DISTINCT_POSITIONS


def counts(score: Score) -> list[Count]:
    """What a score adds to which series; empty for a rejected one.

    A document counts for `all`, its most probable topic, and, for each mention with relevance of at least 25, the
    entity and the entity/topic pair with that mention's own sentiment.
    """
    if score.status != "scored":
        return []
    topic = max(score.topic, key=lambda name: (score.topic[name], name))
    p = score.sentiment.get("negative", 0.0)
    negative = p >= NEGATIVE_AT
    out = [Count(ALL, ALL, negative, p), Count(topic_series(topic), topic_series(topic), negative, p)]
    seen: set[str] = set()
    for mention in score.mentions:
        if mention.relevance < RELEVANCE_COUNTED or mention.entity in seen:
            continue
        seen.add(mention.entity)
        group = f"session:{mention.session}"
        q = mention.sentiment.get("negative", 0.0)
        out.append(Count(entity_series(mention.entity), group, q >= NEGATIVE_AT, q))
        out.append(Count(pair_series(mention.entity, topic), group, q >= NEGATIVE_AT, q))
    return out


def alert_id(series: str, rule: Rule, onset_minute: int) -> str:
    """128-bit hash of series, rule and onset minute (epoch minutes): the same history gives the same ids."""
    return hashlib.blake2b(f"{series}\n{rule}\n{onset_minute}".encode(), digest_size=16).hexdigest()
