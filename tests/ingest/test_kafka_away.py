"""A Kafka that goes away and comes back: sources wait, push answers 429, nothing is lost or repeated."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.clock import WallClock
from tests.ingest.publisher_site import Site, rss
from tests.ingest.test_live import TOKEN, bring, feed, free_port, titles
from tocsin.stack import jars, kafka, ports
from tocsin.stack.programs import Program, start, stop

if TYPE_CHECKING:
    from conftest import Ingest

pytestmark = pytest.mark.system
START_LIMIT_MS = 60_000


@dataclass
class Broker:
    """A Kafka of this test's own, which it may stop."""

    program: Program
    address: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start(self.program)
        clock = WallClock()
        until = clock.wall_ms() + START_LIMIT_MS
        while not kafka.answers(self.address):
            assert self.process.poll() is None
            assert clock.wall_ms() < until
            clock.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.program, self.process)
            self.process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    port = ports.free_port()
    class_path = jars.fetch(jars.cache_folder(), jars.locked())
    program = kafka.prepare(tmp_path / "kafka", tmp_path / "kafka.log", class_path, port, ports.free_port())
    own = Broker(program, f"{ports.HOST}:{port}")
    own.start()
    yield own
    own.stop()
    # Here, where the test's own filter still holds, and after those who held the sockets are gone.
    gc.collect()


@pytest.fixture
def kafka_address(broker: Broker) -> str:
    """In place of the session's."""
    return broker.address


# kafka-python leaves the socket of a connection that was refused to the garbage collector, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
def test_while_kafka_is_away_push_answers_429_feeds_wait_and_everything_is_there_once_afterwards(
    ingest: Ingest, broker: Broker
) -> None:
    site = Site()
    server = site.serve()
    shown = ["one"]
    site.pages["/news"] = lambda visit: visit.conditional(rss(*reversed(shown)))
    port = free_port()
    ingest.environment |= {
        "TOCSIN_INGEST__PRIVATE_NETWORKS": "127.0.0.0/8", "TOCSIN_INGEST__HOST_INTERVAL_S": "0",
        "TOCSIN_INGEST__LIVE_HEARTBEAT_S": "1", "TOCSIN_INGEST__LEASE_S": "5", "PUSH_TOKEN": TOKEN,
    }  # fmt: skip
    ingest.sources(
        feed(site, "news"), {"name": "push", "kind": "push", "port": port, "senders": {"desk": "${PUSH_TOKEN}"}}
    )
    ingest.start()
    ingest.until(lambda: "taking documents" in ingest.log() and ingest.published() == 1)
    assert bring(port, [{"id": "1", "title": "before"}])[0] == 202

    broker.stop()
    shown.append("two")
    refused, _, retry_after = bring(port, [{"id": "2", "title": "meanwhile"}])
    assert (refused, retry_after) == (429, "5")
    ingest.until(lambda: "Kafka is away" in ingest.log())
    assert bring(port, [{"id": "2", "title": "meanwhile"}])[0] == 429

    broker.start()
    answers: list[int] = []

    def accepted() -> bool:
        answers.append(bring(port, [{"id": "2", "title": "meanwhile"}])[0])
        return answers[-1] == 202

    ingest.until(accepted)
    ingest.until(lambda: ingest.published() >= 4)
    assert set(answers) <= {429, 202}
    assert titles(ingest) == ["before", "meanwhile", "one", "two"]
    assert ingest.stop() == 0
    server.shutdown()
    server.server_close()
