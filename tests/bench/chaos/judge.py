"""The judge: counts the log once, by itself, and compares. It shares no code with `alerts/`.

The truth of a document is read off its own title (see `world`): the directives say sentiment and topic, the mentions are
those of the message. What Tocsin counted is read from Redis (`a:{series}`, kept by the setting `aggregator.audit`).
"""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from redis import Redis

Place = tuple[str, int, str]  # series, minute, what
_ENTRY = struct.Struct("<IIHHHIi")  # the second in which it became visible comes first
_DIRECTIVES = re.compile(r"\[\[(?:topic:)?(\w+)\]\]")


def read_topic(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic, partition by partition, in order."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for polled in consumer.poll(timeout_ms=500).values():
                records += polled
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def truth(documents: list[Any]) -> Counter[Place]:
    """What the log says must have been counted: every document id once."""
    counted: Counter[Place] = Counter()
    seen: set[str] = set()
    for record in documents:
        document = json.loads(record.value)
        if document["id"] in seen:
            continue
        seen.add(document["id"])
        said = _DIRECTIVES.findall(document["title"])
        sentiment = next(word for word in said if word in ("negative", "neutral", "positive"))
        topic = next(word for word in said if word not in ("negative", "neutral", "positive"))
        minute = document["published_ms"] // 60_000
        names = ["all", f"topic:{topic}"]
        for entity in {mention["entity"] for mention in document["mentions"] if mention["relevance"] >= 25}:
            names += [f"entity:{entity}", f"entity:{entity}/topic:{topic}"]
        for name in names:
            if document["position"] > 5:
                counted[name, minute, "copies"] += 1
            else:
                counted[name, minute, "distinct"] += 1
                if sentiment == "negative":
                    counted[name, minute, "negative"] += 1
    return counted


def counted(redis_url: str) -> Counter[Place]:
    """What Tocsin counted."""
    found: Counter[Place] = Counter()
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter("a:*", count=1000):
            for name, value in redis.hgetall(key).items():
                minute, _, what = name.decode().partition(":")
                if what != "mass":
                    found[key.decode()[2:], int(minute), what] += int(value)
    return found


def forgotten(redis_url: str) -> int:
    """Entries of tails that the evaluator has passed by without taking them: lost wake-ups."""
    left = 0
    with Redis.from_url(redis_url) as redis:
        evaluated = int(redis.get("evaluated") or 0)
        for key in redis.scan_iter("t:*", count=1000):
            tail = redis.get(key) or b""
            left += sum(visible <= evaluated for visible, *_ in _ENTRY.iter_unpack(tail))
    return left


Life = list[tuple[int, str, int, str]]  # number, state, event time, severity


def alerts(bootstrap: str) -> dict[tuple[str, str, int], Life]:
    """(series, rule, onset) -> the alert's life; a transition that was written twice is one, if it says the same."""
    lives: dict[tuple[str, str, int], dict[int, tuple[str, int, str]]] = {}
    for record in read_topic(bootstrap, "alerts"):
        t = json.loads(record.value)
        life = lives.setdefault((t["series"], t["rule"], t["onset_ms"]), {})
        step = (t["state"], t["at_ms"], t["severity"])
        if life.setdefault(t["number"], step) != step:
            raise AssertionError(f"transition {t['number']} of {t['alert']} was written twice, differently")
    return {who: [(number, *life[number]) for number in sorted(life)] for who, life in lives.items()}


@dataclass(slots=True)
class Verdict:
    """How the counts compare, in units counted; and what was counted and never evaluated, in entries of tails."""

    documents: int = 0
    units: int = 0
    lost: int = 0
    double: int = 0
    forgotten: int = 0
    examples: list[str] = field(default_factory=list)


def compare(bootstrap: str, redis_url: str) -> Verdict:
    """Compare Redis with the log."""
    documents = read_topic(bootstrap, "documents")
    expected, found = truth(documents), counted(redis_url)
    verdict = Verdict(documents=len(documents), units=sum(expected.values()), forgotten=forgotten(redis_url))
    for place in expected.keys() | found.keys():
        difference = found[place] - expected[place]
        if difference < 0:
            verdict.lost -= difference
        elif difference > 0:
            verdict.double += difference
        if difference and len(verdict.examples) < 10:
            verdict.examples.append(f"{place}: counted {found[place]}, true {expected[place]}")
    return verdict
