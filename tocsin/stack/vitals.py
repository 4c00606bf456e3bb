"""How a running stack is doing: what the supervisor, each process's metrics and Kafka's offsets say, as one row each."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.topics import DOCUMENTS, SCORES
from tocsin.stack import ports
from tocsin.stack.processes import ProcessStatus
from tocsin.stack.state import Process, State

LAG = "tocsin_stage_lag_messages"
FINISHED = "tocsin_stage_messages_total"
WATERMARK = "tocsin_stage_watermark_seconds"
# Stages whose position is a consumer group of their name: what Kafka says of them holds when they are down.
GROUP_TOPICS = {"scorer": DOCUMENTS.name, "aggregator": SCORES.name}

Sample = dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `tocsin status`.

    Attributes:
        name: of the process.
        state: running, starting, restarting, stopped or silent (it runs, but does not answer).
        pid: 0 when it does not run.
        up_s: seconds since it was started.
        lag: messages between what it has finished and the end of its topic; None where that is unknown.
        per_s: messages finished a second; None where that is unknown.
        newest_ms: event time up to which it has worked, milliseconds UTC; None before its first.
        address: where it listens; a stage, where it serves its metrics.
    """

    name: str
    state: str
    pid: int
    up_s: int
    lag: int | None
    per_s: float | None
    newest_ms: int | None
    address: str


def parse(text: str, stage: str) -> Sample:
    """The metrics that matter here from a Prometheus page, summed over their other labels, those of `stage` only."""
    from prometheus_client.parser import text_string_to_metric_families

    sums: Sample = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in (LAG, FINISHED, WATERMARK) and sample.labels.get("stage") == stage:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def scrape(process: Process) -> Sample | None:
    """The metrics of a process now; None when it does not answer or has none."""
    if not process.metrics_port:
        return None
    try:
        with urllib.request.urlopen(f"http://{ports.HOST}:{process.metrics_port}/metrics", timeout=2.0) as answer:
            return parse(answer.read().decode(), process.stage)
    except (urllib.error.URLError, OSError):
        return None


def row(
    process: Process,
    status: ProcessStatus | None,
    before: Sample | None,
    now: Sample | None,
    between_s: float,
    group_lag: int | None,
    address: str,
) -> Row:
    """What to show of one process.

    Args:
        process: which.
        status: what the supervisor says; None when it does not run.
        before: its metrics at the first look.
        now: its metrics at the second.
        between_s: seconds between the two.
        group_lag: what Kafka says of its stage's group, shown when the process itself says nothing.
        address: where it listens.
    """
    state = _state(status, answers=now is not None or not process.metrics_port)
    now, before = now or {}, before or {}
    per_s = None
    if FINISHED in now and between_s > 0:
        # A process restarted between the two looks counts from zero again.
        per_s = max(0.0, now[FINISHED] - before.get(FINISHED, 0.0)) / between_s if FINISHED in before else 0.0
    watermark = now.get(WATERMARK, 0.0)
    return Row(
        name=process.name,
        state=state,
        pid=status.pid if status else 0,
        up_s=status.up_s if status else 0,
        lag=round(now[LAG]) if LAG in now else group_lag,
        per_s=per_s,
        newest_ms=round(watermark * 1000) if watermark > 0 else None,
        address=address,
    )


def _state(status: ProcessStatus | None, *, answers: bool) -> str:
    if status is None:
        return "stopped"
    if status.state == "RUNNING":
        return "running" if answers else "silent"
    return {"STARTING": "starting", "BACKOFF": "restarting", "EXITED": "restarting"}.get(status.state, "stopped")


def address(state: State, process: Process) -> str:
    """Where a process listens; a stage, where it serves its metrics."""
    stores = {"kafka": state.kafka, "redis": urlsplit(state.redis).netloc.rpartition("@")[2]}
    return stores.get(process.name, f"{ports.HOST}:{process.metrics_port}")


def group_lags(bootstrap: str, groups: Iterable[str] = tuple(GROUP_TOPICS)) -> dict[str, int]:
    """Messages between each group's committed offsets and the ends of its topic; empty when Kafka does not answer.

    A partition where nothing was ever committed counts from its beginning.
    """
    from kafka import TopicPartition
    from kafka.admin import KafkaAdminClient, OffsetSpec
    from kafka.errors import KafkaError

    lags: dict[str, int] = {}
    try:
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=3000)) as client:
            for group in groups:
                topic = GROUP_TOPICS[group]
                (found,) = client.describe_topics([topic])
                places = [TopicPartition(topic, each["partition_index"]) for each in found["partitions"]]
                committed = client.list_group_offsets({group: places})[group]
                first = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
                last = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
                lags[group] = sum(
                    last[place].offset - max(first[place].offset, committed[place].offset if place in committed else 0)
                    for place in places
                )
    except (KafkaError, OSError):
        return {}
    return lags
