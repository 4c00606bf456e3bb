from __future__ import annotations

import pytest

from contracts.errors import UserError
from contracts.topics import DOCUMENTS, MODELS, SCORES
from tocsin.topics import Topic, demand_equal_partitions, differences


def test_a_topic_as_it_must_be_has_no_differences() -> None:
    found = {"documents": Topic(8, 1, DOCUMENTS.config())}
    assert differences([DOCUMENTS], found, partitions=8, replication=1) == []


def test_each_setting_that_differs_is_one_sentence() -> None:
    config = MODELS.config() | {"cleanup.policy": "delete", "message.timestamp.type": "CreateTime"}
    assert differences([MODELS], {"models": Topic(1, 3, config)}, partitions=8, replication=1) == [
        "models: replicas is 3, Tocsin wants 1",
        "models: message.timestamp.type is CreateTime, Tocsin wants LogAppendTime",
        "models: cleanup.policy is delete, Tocsin wants compact",
    ]


def test_a_topic_that_is_not_there_yet_does_not_differ() -> None:
    assert differences([DOCUMENTS], {}, partitions=8, replication=1) == []


def test_documents_and_scores_must_have_as_many_partitions() -> None:
    found = {"documents": Topic(8, 1, {}), "scores": Topic(4, 1, {})}
    with pytest.raises(UserError, match="documents has 8, scores has 4"):
        demand_equal_partitions([DOCUMENTS, SCORES, MODELS], found)
    demand_equal_partitions([DOCUMENTS, SCORES], found | {"scores": Topic(8, 1, {})})
