"""Creates the topics of contracts/topics.py and reports what differs. Never changes one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from contracts.errors import Unavailable, UserError
from contracts.topics import TOPICS, TopicSpec

# A broker that is there answers in milliseconds; whoever runs this by hand waits no longer for one that is not.
ANSWER_LIMIT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker has it.

    Attributes:
        partitions: how many.
        replication: replicas of its first partition.
        config: every setting, as text.
    """

    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did.

    Attributes:
        created: names of new topics.
        unchanged: names of topics that were there.
        differences: one sentence for each setting that is not as it must be.
    """

    created: tuple[str, ...]
    unchanged: tuple[str, ...]
    differences: tuple[str, ...]


def differences(specs: Iterable[TopicSpec], found: dict[str, Topic], partitions: int, replication: int) -> list[str]:
    """One sentence for each setting of a topic in `found` that is not what its spec says.

    Args:
        specs: the topics as they must be.
        found: the topics as they are, by name.
        partitions: of the stream.
        replication: replicas of each topic.
    """
    sentences = []
    for spec in specs:
        topic = found.get(spec.name)
        if topic is None:
            continue
        wanted = {
            "partitions": (str(spec.partitions(partitions)), str(topic.partitions)),
            "replicas": (str(replication), str(topic.replication)),
        }
        for name, value in spec.config(replication=replication).items():
            wanted[name] = (value, topic.config.get(name, "(not set)"))
        sentences += [
            f"{spec.name}: {name} is {there}, Tocsin wants {value}"
            for name, (value, there) in wanted.items()
            if there != value
        ]
    return sentences


def demand_equal_partitions(specs: Iterable[TopicSpec], found: dict[str, Topic]) -> None:
    """A score lies in the partition of its document's number, so such topics must have as many partitions as it.

    Raises:
        UserError: they have not.
    """
    counts = {
        spec.name: found[spec.name].partitions for spec in specs if spec.documents_partitions and spec.name in found
    }
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UserError(
            f"these topics must have the same number of partitions, but {said}; delete them, or use another Kafka, "
            "and run `tocsin topics apply`"
        )


def apply(bootstrap: str, partitions: int, replication: int, specs: Sequence[TopicSpec] = TOPICS) -> Applied:
    """Create the topics that are not there and compare those that are.

    Args:
        bootstrap: host:port[,host:port...].
        partitions: of the stream.
        replication: replicas of each topic.
        specs: the topics.

    Raises:
        UserError: the broker refuses, or topics that belong together have different partition counts.
        Unavailable: no broker answers.
    """
    from kafka.admin import KafkaAdminClient
    from kafka.errors import BrokerResponseError, KafkaError, TopicAlreadyExistsError

    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","), client_id="tocsin-topics", bootstrap_timeout_ms=ANSWER_LIMIT_MS
        )
    except (KafkaError, OSError) as error:
        raise Unavailable(f"no Kafka answers at {bootstrap} ({type(error).__name__})") from error
    with closing(client):
        there = set(client.list_topics())
        new = [spec for spec in specs if spec.name not in there]
        if new:
            try:
                client.create_topics(
                    {
                        spec.name: {
                            "num_partitions": spec.partitions(partitions),
                            "replication_factor": replication,
                            "configs": spec.config(replication=replication),
                        }
                        for spec in new
                    },
                    wait_for_metadata=True,
                )
            except TopicAlreadyExistsError:
                pass  # another start made them at this moment; they are compared below like any other
            except BrokerResponseError as error:
                raise UserError(f"Kafka at {bootstrap} refuses to create the topics: {error}") from error
        found = _describe(client, [spec.name for spec in specs])
    demand_equal_partitions(specs, found)
    return Applied(
        created=tuple(spec.name for spec in new),
        unchanged=tuple(spec.name for spec in specs if spec.name in there),
        differences=tuple(differences(specs, found, partitions, replication)),
    )


def _describe(client: Any, names: list[str]) -> dict[str, Topic]:
    from kafka.admin import ConfigResource, ConfigResourceType

    topics = {row["name"]: row["partitions"] for row in client.describe_topics(names) if row["error_code"] == 0}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    configs = client.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: Topic(
            partitions=len(rows),
            replication=len(rows[0]["replica_nodes"]),
            config={key: str(entry["value"]) for key, entry in configs[name].items()},
        )
        for name, rows in topics.items()
    }
