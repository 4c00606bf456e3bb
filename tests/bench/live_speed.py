"""What one ingest process carries, on the real Kafka and Redis: replay, push, and five hundred feeds. Prints figures.

    python tests/bench/live_speed.py [replay] [push] [feeds]     all of them without a name

Wall times mean something on an idle machine only; the process's own CPU time is printed beside them.
"""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from contracts.clock import WallClock
from tocsin import topics
from tocsin.stack import jars, kafka, ports, redis
from tocsin.stack.programs import Program, start, stop

ROWS = 40_000
FEEDS, HOSTS, EVERY_S, ROUNDS = 500, 100, 30, 4
RATE, BATCH, SECONDS = 2_000, 20, 20
CLOCK = WallClock()
START_LIMIT_S = 400
TEMPLATES = Path(str(topics.__file__)).parent / "templates"


@contextmanager
def running(program: Program, answers: Callable[[], bool]) -> Iterator[None]:
    process = start(program)
    try:
        began = time.monotonic()
        while not answers():
            if process.poll() is not None or time.monotonic() - began > START_LIMIT_S:
                sys.exit(f"{program.name} did not start")
            time.sleep(0.1)
        yield
    finally:
        stop(program, process)


@dataclass
class Stage:
    """An ingest process on sources of ours."""

    folder: Path
    kafka: str
    redis: str
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *sources: dict[str, Any], watchlist: bool = True) -> psutil.Process:
        (self.folder / "sources.yaml").write_text(yaml.safe_dump({"sources": list(sources)}))
        empty = self.folder / "none.yaml"
        empty.write_text("entities: []\n")
        environment = os.environ | {
            "TOCSIN_KAFKA__BOOTSTRAP": self.kafka, "TOCSIN_REDIS__URL": self.redis,
            "TOCSIN_INGEST__SOURCES": str(self.folder / "sources.yaml"),
            "TOCSIN_INGEST__WATCHLIST": str(TEMPLATES / "watchlist.yaml" if watchlist else empty),
            "TOCSIN_INGEST__AHEAD_DOCUMENTS": "0", "TOCSIN_INGEST__PRIVATE_NETWORKS": "127.0.0.0/8",
            "TOCSIN_INGEST__HOST_INTERVAL_S": "0.1", "PUSH_TOKEN": "bench",
        }  # fmt: skip
        with (self.folder / "ingest.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tocsin.run", "ingest"], env=environment, stderr=log, stdout=log
            )
        return psutil.Process(process.pid)

    def published(self) -> int:
        consumer = KafkaConsumer(bootstrap_servers=self.kafka)
        partitions = [TopicPartition("documents", n) for n in consumer.partitions_for_topic("documents") or ()]
        total = sum(consumer.end_offsets(partitions).values())
        consumer.close()
        return int(total)


def end(process: psutil.Process) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=300)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def replay(stage: Stage, table: Table) -> None:
    """A file as fast as it goes, with linking and clustering; `ingest_speed.py` measures without."""
    path = stage.folder / "history.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "headline"])
        words = [
            "shares",
            "bank",
            "falls",
            "rises",
            "bitcoin",
            "lender",
            "court",
            "fraud",
            "profit",
            "deal",
            "Tesla",
            "FTX",
            "Apple",
            "talks",
            "cuts",
            "record",
        ]
        for n in range(ROWS):
            text = " ".join(words[(n * 7919 + k * k * 31 + n // 97 * k) % len(words)] for k in range(9))
            writer.writerow([1_667_260_800 + n * 30, f"{text} {n}"])
    before = stage.published()
    source = {
        "name": "bench-replay",
        "kind": "replay",
        "path": "history.csv",
        "map": {"time": "when", "title": "headline"},
    }
    process = stage.start(source)
    while stage.published() == before:
        time.sleep(0.05)
    began, cpu, first = time.monotonic(), cpu_s(process), stage.published() - before
    while (done := stage.published() - before) < ROWS:
        time.sleep(0.2)
    took, spent = time.monotonic() - began, cpu_s(process) - cpu
    end(process)
    table.add_row(
        "replay, linked and clustered",
        f"{(done - first) / took:,.0f}/s of wall, {(done - first) / spent:,.0f}/s of CPU",
        "1,500/s",
    )


def push(stage: Stage, table: Table) -> None:
    """RATE documents a second, BATCH in a request, for SECONDS."""
    port = ports.free_port()
    process = stage.start({"name": "bench-push", "kind": "push", "port": port, "senders": {"desk": "${PUSH_TOKEN}"}})
    while "taking documents" not in (stage.folder / "ingest.log").read_text():
        time.sleep(0.2)
    cpu = cpu_s(process)
    waits, refused = asyncio.run(_bring(port))
    spent = cpu_s(process) - cpu
    end(process)
    waits.sort()
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
    table.add_row(
        f"push, {RATE}/s in requests of {BATCH}, for {SECONDS} s",
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, {refused} refused, {len(waits) * BATCH / spent:,.0f}/s of CPU",
        "p99 < 50 ms",
    )  # fmt: skip


async def _bring(port: int) -> tuple[list[float], int]:
    waits: list[float] = []
    refused = 0

    async def one(client: httpx.AsyncClient, number: int) -> None:
        nonlocal refused
        documents = [
            {"id": f"{number}-{n}", "title": f"Lender {number * 7919} reports quarter {n}, FTX exposure {n * number}"}
            for n in range(BATCH)
        ]
        began = time.monotonic()
        answer = await client.post(f"http://127.0.0.1:{port}/v1/documents", json=documents)
        waits.append(time.monotonic() - began)
        refused += answer.status_code != 202

    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(headers={"authorization": "Bearer bench"}, timeout=60, limits=limits) as client:
        await one(client, 0)
        waits.clear()
        began, tasks = time.monotonic(), []
        for number in range(1, RATE * SECONDS // BATCH + 1):
            await asyncio.sleep(max(0.0, began + number * BATCH / RATE - time.monotonic()))
            tasks.append(asyncio.create_task(one(client, number)))
        await asyncio.gather(*tasks)
    return waits, refused


def feeds(stage: Stage, table: Table) -> None:
    """FEEDS feeds on HOSTS hosts, each due every EVERY_S; one in ten has something new."""
    asked: dict[str, list[float]] = defaultdict(list)

    class Site(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path].append(time.monotonic())
            version = str(len(asked[self.path]) // 10)
            same = self.headers.get("if-none-match") == f'"{version}"'
            items = "".join(
                f"<item><title>{self.path} headline {n} of {version}</title><guid>{version}-{n}</guid></item>"
                for n in range(30)
            )
            body = b"" if same else f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
            self.send_response(304 if same else 200)
            self.send_header("etag", f'"{version}"')
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nobody reads it."""

    server = ThreadingHTTPServer(("", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sources = [
        {"name": f"feed-{n}", "kind": "rss", "robots": False, "every_s": EVERY_S, "at_least_every_s": EVERY_S,
         "url": f"http://127.0.0.{n % HOSTS + 1}:{server.server_address[1]}/{n}"}
        for n in range(FEEDS)
    ]  # fmt: skip
    process = stage.start(*sources)
    while len(asked) < FEEDS:
        time.sleep(0.5)
    cpu, began, most = cpu_s(process), time.monotonic(), 0
    while time.monotonic() - began < EVERY_S * ROUNDS:
        most = max(most, process.memory_info().rss)
        time.sleep(0.5)
    share = (cpu_s(process) - cpu) / (time.monotonic() - began)
    end(process)
    server.shutdown()
    gaps = sorted(later - earlier for visits in asked.values() for earlier, later in pairwise(visits))
    late = [gap - EVERY_S for gap in gaps]
    table.add_row(
        f"{FEEDS} feeds, each every {EVERY_S} s",
        f"{most / 1e6:.0f} MB, {share:.0%} of a core; late by p50 {statistics.median(late):.1f} s, p99 {late[int(len(late) * 0.99)]:.1f} s",
        "< 300 MB, on time",
    )


def main() -> None:
    """Start Kafka and Redis, run the named parts, print the table."""
    parts = {"replay": replay, "push": push, "feeds": feeds}
    names = sys.argv[1:] or list(parts)
    table = Table(
        "what", "measured", "must", title=f"ingest, one process, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"
    )
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        kafka_port, redis_port = ports.free_port(), ports.free_port()
        class_path = jars.fetch(jars.cache_folder(), jars.locked())
        broker = kafka.prepare(folder / "kafka", folder / "kafka.log", class_path, kafka_port, ports.free_port())
        store = redis.prepare(folder / "redis", folder / "redis.log", redis_port)
        address, url = f"{ports.HOST}:{kafka_port}", f"redis://{ports.HOST}:{redis_port}/0"
        with running(broker, lambda: kafka.answers(address)), running(store, lambda: redis.answers(url)):
            topics.apply(address, partitions=8, replication=1)
            for part in names:
                parts[part](Stage(folder, address, url), table)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
