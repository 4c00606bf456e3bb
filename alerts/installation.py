"""What must hold before a stage counts or evaluates: a Redis that keeps what it is told, and topics that are still the same.

Marks die with a topic's re-creation, and counting on from old marks would lose or repeat in silence; so the topics' ids
are kept beside the marks and a mismatch refuses the start.
"""

from __future__ import annotations

from typing import Any

from kafka.admin import KafkaAdminClient
from redis.asyncio import Redis

from alerts import keys
from contracts.errors import Inconsistent, UserError
from contracts.topics import DOCUMENTS, SCORES


async def verify_redis(redis: Redis) -> None:
    """Refuse a Redis that may forget.

    Raises:
        UserError: it has no append-only file or evicts keys; says what to set.
    """
    config: dict[str | None, str | None] = {}
    for name in ("appendonly", "maxmemory-policy", "maxmemory"):
        config |= await redis.config_get(name)
    if config.get("appendonly") != "yes":
        raise UserError("this Redis has no append-only file, so a restart would lose counts: set `appendonly yes`")
    if config.get("maxmemory", "0") != "0" and config.get("maxmemory-policy") != "noeviction":
        raise UserError(
            f"this Redis evicts keys (maxmemory-policy {config.get('maxmemory-policy')}), so counts would vanish: "
            "set `maxmemory-policy noeviction`"
        )


def topic_generation(bootstrap: str) -> dict[str, str]:
    """Topic name -> `id/partitions` of the topics that marks refer to. Blocking.

    Raises:
        UserError: a topic does not exist, or the partition counts differ.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        described: list[dict[str, Any]] = admin.describe_topics([DOCUMENTS.name, SCORES.name])
    finally:
        admin.close()
    found = {topic["name"]: topic for topic in described if topic.get("error_code", 0) == 0}
    for name in (DOCUMENTS.name, SCORES.name):
        if name not in found:
            raise UserError(f"Kafka has no topic `{name}`: run `tocsin topics apply`")
    sizes = {name: len(topic["partitions"]) for name, topic in found.items()}
    if sizes[DOCUMENTS.name] != sizes[SCORES.name]:
        raise UserError(f"`documents` and `scores` must have equally many partitions, they have {sizes}")
    return {name: f"{topic.get('topic_id', '')}/{sizes[name]}" for name, topic in found.items()}


async def verify_generation(redis: Redis, generation: dict[str, str]) -> None:
    """Refuse topics other than those that Redis has counted; a new Redis remembers them.

    Raises:
        Inconsistent: the topics were made anew or have other partitions; says what to do.
    """
    for topic, identity in generation.items():
        await redis.hsetnx(keys.GENERATION, topic, identity)
        known = await redis.hget(keys.GENERATION, topic)
        known_text = known.decode() if isinstance(known, bytes) else known
        if known_text != identity:
            raise Inconsistent(
                f"the topic `{topic}` is not the one that Redis has counted (it was {known_text}, it is {identity}): "
                "either give the old topic back, or start anew with an empty Redis database"
            )
