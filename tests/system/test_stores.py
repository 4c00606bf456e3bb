"""The fixtures that every other system test stands on."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from redis import Redis

pytestmark = pytest.mark.system


def test_the_broker_stamps_messages_with_its_own_time_whatever_the_producer_says(kafka_address: str) -> None:
    with KafkaAdminClient(bootstrap_servers=kafka_address) as admin:
        admin.create_topics({"stores-append-time": {"num_partitions": 1, "replication_factor": 1}})
    with KafkaProducer(bootstrap_servers=kafka_address, acks="all", enable_idempotence=True) as producer:
        metadata = producer.send("stores-append-time", b"x", timestamp_ms=1).get(30)
    assert metadata.timestamp > 1_600_000_000_000


def test_the_broker_creates_no_topic_by_itself(kafka_address: str) -> None:
    with KafkaAdminClient(bootstrap_servers=kafka_address) as admin:
        admin.describe_topics(["stores-nobody-made-this"])
        assert "stores-nobody-made-this" not in admin.list_topics()


def test_a_redis_of_the_fixture_is_empty_and_keeps_what_it_is_told(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_the_next_test_does_not_see_what_the_last_one_wrote(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.get("left") is None
