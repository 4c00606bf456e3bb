"""`tocsin topics apply` against a real broker."""

from __future__ import annotations

import pytest
from kafka.admin import KafkaAdminClient

from contracts.topics import DOCUMENTS, MODELS, TOPICS
from tocsin import topics

pytestmark = pytest.mark.system


def test_a_second_apply_finds_every_topic_as_it_must_be(kafka_address: str) -> None:
    topics.apply(kafka_address, partitions=8, replication=1)
    again = topics.apply(kafka_address, partitions=8, replication=1)
    assert again.created == ()
    assert set(again.unchanged) == {spec.name for spec in TOPICS}
    assert again.differences == ()


def test_a_topic_with_other_settings_is_reported_and_left_alone(kafka_address: str) -> None:
    topics.apply(kafka_address, partitions=8, replication=1)
    reported = topics.apply(kafka_address, partitions=16, replication=1, specs=[DOCUMENTS, MODELS])
    assert reported.differences == ("documents: partitions is 8, Tocsin wants 16",)
    with KafkaAdminClient(bootstrap_servers=kafka_address) as admin:
        (documents,) = admin.describe_topics(["documents"])
    assert len(documents["partitions"]) == 8
