"""A real ingest process on the real Kafka and Redis, and what it published."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition

from contracts.clock import WallClock
from contracts.codec import decode, hops
from contracts.messages import DeadLetter, Document, SourceHeartbeat
from tocsin import topics

LIMIT_MS = 120_000


@dataclass
class Ingest:
    """Starts, kills and stops `python -m tocsin.run ingest`, and reads what it wrote since this was made."""

    kafka: str
    redis: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    clock: WallClock = field(default_factory=WallClock)
    _followers: list[Ingest] = field(default_factory=list)

    def __post_init__(self) -> None:
        topics.apply(self.kafka, partitions=8, replication=1)
        self._consumer = KafkaConsumer(bootstrap_servers=self.kafka, enable_auto_commit=False)
        self._beginnings = {name: self.ends(name) for name in ("documents", "documents.dead", "sources")}
        (self.folder / "watchlist.yaml").write_text(yaml.safe_dump({"entities": [{"id": "ftx", "name": "FTX"}]}))

    def sources(self, *sources: dict[str, Any]) -> None:
        (self.folder / "sources.yaml").write_text(yaml.safe_dump({"sources": list(sources)}))

    def start(self) -> None:
        environment = os.environ | {
            "TOCSIN_KAFKA__BOOTSTRAP": self.kafka,
            "TOCSIN_REDIS__URL": self.redis,
            "TOCSIN_INGEST__SOURCES": str(self.folder / "sources.yaml"),
            "TOCSIN_INGEST__WATCHLIST": str(self.folder / "watchlist.yaml"),
            "TOCSIN_INGEST__AHEAD_DOCUMENTS": "0",
        }
        with (self.folder / "ingest.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tocsin.run", "ingest"],
                env=environment | self.environment,
                stderr=log,
                stdout=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)

    def log(self) -> str:
        path = self.folder / "ingest.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait; a process that ends meanwhile, or two minutes without success, fail the test."""
        end = self.clock.wall_ms() + LIMIT_MS
        while not reached():
            ended = self.process is not None and self.process.poll() is not None
            if ended or self.clock.wall_ms() > end:
                pytest.fail(f"waited in vain; the process's last words:\n{self.log()[-4000:]}")
            self.clock.sleep(0.05)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic)]

    def ends(self, topic: str) -> dict[TopicPartition, int]:
        return dict(self._consumer.end_offsets(self._partitions(topic)))

    def published(self) -> int:
        """How many documents there are so far."""
        return sum(self.ends("documents").values()) - sum(self._beginnings["documents"].values())

    def records(self, topic: str) -> list[Any]:
        beginnings, ends = self._beginnings[topic], self.ends(topic)
        self._consumer.assign(list(ends))
        for partition, offset in beginnings.items():
            self._consumer.seek(partition, offset)
        out: list[Any] = []
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=200).values():
                out += records
        return out

    def documents(self) -> list[Document]:
        return [decode(Document, record.value, record.headers) for record in self.records("documents")]

    def document_hops(self) -> list[dict[str, int]]:
        return [hops(record.headers) for record in self.records("documents")]

    def dead_letters(self) -> list[DeadLetter]:
        return [decode(DeadLetter, record.value, record.headers) for record in self.records("documents.dead")]

    def heartbeats(self) -> list[SourceHeartbeat]:
        return [decode(SourceHeartbeat, record.value, record.headers) for record in self.records("sources")]

    def done(self) -> bool:
        """Whether the newest heartbeat of every source says that it has published everything."""
        newest = {beat.source: beat for beat in self.heartbeats()}
        wanted = {source["name"] for source in yaml.safe_load((self.folder / "sources.yaml").read_text())["sources"]}
        return wanted <= {name for name, beat in newest.items() if beat.replay is not None and beat.replay.done}

    def another(self) -> Ingest:
        """A second process of the same stage, with a log of its own view; closed with this one."""
        follower = Ingest(self.kafka, self.redis, self.folder, environment=dict(self.environment))
        self._followers.append(follower)
        return follower

    def close(self) -> None:
        for follower in self._followers:
            follower.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._consumer.close()


@pytest.fixture
def ingest(kafka_address: str, redis_url: str, tmp_path: Path) -> Iterator[Ingest]:
    running = Ingest(kafka_address, redis_url, tmp_path)
    yield running
    running.close()
