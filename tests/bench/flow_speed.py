"""The flow as a whole: start, throughput with the model, and the time from a document to the alert on the board.

    python tests/bench/flow_speed.py [--documents 6000] [--rate 100] [--seconds 60]

Throughput: documents as ingest makes them, published as fast as Kafka takes them, until all are counted. Latency: documents
at a steady rate on the wall clock with a burst of bad news on one company after another; from the append time of the first
document of the second in which the alert fired (so at most a second is counted too much) to the arrival of the alert in
the stream of events that the board follows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import psutil
from kafka import KafkaProducer
from redis import Redis
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent / "chaos"))

import judge
from flow import Flow

from contracts import codec
from contracts.messages import Document, Mention

STREAM = Path(__file__).parents[2] / "tocsin" / "streams" / "crypto_2022_en_3src.csv.gz"
BAD = (
    "{} files for Chapter 11 bankruptcy protection after liquidity crisis",
    "{} freezes customer withdrawals as losses mount",
    "Regulators charge {} with fraud over missing client funds",
    "{} shares collapse as auditors resign and lenders flee",
    "{} hit by class-action lawsuit over hidden losses and misused deposits",
    "Investors panic as {} defaults on its debt",
    "Hackers drain $40 million from {} in overnight exploit",
    "{} lays off a third of its staff as revenue plunges",
    "Police raid offices of {} in money-laundering probe",
    "Rating agency cuts {} to junk, warns of default",
    "{} admits accounting errors, withdraws two years of results",
    "Lenders seize collateral of {} after missed margin call",
    "{} halts trading for a second day, users cannot reach their money",
    "Founder of {} arrested at airport over alleged embezzlement",
    "{} loses banking licence, depositors queue outside",
    "Exchange delists token of {} after plunge to record low",
    "Whistleblower says {} hid a $900 million hole in its books",
    "Court freezes assets of {} at creditors' request",
    "{} warns it may not survive the year as funding dries up",
    "Big customers abandon {} after data breach exposes passports",
    "Short seller calls {} a Ponzi scheme, stock sinks 60%",
    "Auditor of {} quits, citing missing records",
    "{} fined $250 million for misleading investors",
    "Rescue talks for {} break down, liquidation looms",
)
BURST = 40  # texts about one company, one in five of all; each is a story of its own, so none counts as a copy
ENTITIES = {
    "nexo": "Nexo", "kraken": "Kraken", "gemini": "Gemini", "tron": "Tron", "aave": "Aave", "huobi": "Huobi", "okx": "OKX",
    "bybit": "Bybit", "kucoin": "KuCoin", "bitfinex": "Bitfinex", "bitmex": "BitMEX", "wazirx": "WazirX", "paxos": "Paxos",
    "bitgo": "BitGo", "monero": "Monero", "litecoin": "Litecoin", "filecoin": "Filecoin", "lido": "Lido", "uniswap": "Uniswap",
    "opensea": "OpenSea",
}  # fmt: skip
console = Console()


def wall_ms() -> int:
    """Now, in milliseconds UTC."""
    return time.time_ns() // 1_000_000


def headlines() -> list[str]:
    """Titles of the shipped stream."""
    with gzip.open(STREAM, "rt", encoding="utf-8") as file:
        return [row["title"] for row in csv.DictReader(file)]


def make(number: int, title: str, entity: str | None = None) -> Document:
    """A document published now."""
    identity = f"{random.getrandbits(96):024x}{number:08x}"
    mentions = [Mention(entity=entity, relevance=90, session="crypto")] if entity else []
    now = wall_ms()
    return Document(
        id=identity, source=f"wire-{number % 3}", lang="en", title=title, published_ms=now, fetched_ms=now, story=identity,
        position=1, mentions=mentions,
    )  # fmt: skip


def send(producer: KafkaProducer, document: Document) -> None:
    """Publish one document as ingest would."""
    producer.send("documents", key=document.id.encode(), value=codec.encode(document), headers=codec.headers(document))


def counted(redis: Redis) -> int:
    """Documents whose origin has been counted."""
    return sum(int(mark) + 1 for mark in redis.hvals("mark"))


def memory_mb(flow: Flow) -> float:
    """Resident memory of every process of the stack, MB."""
    return sum(psutil.Process(pid).memory_info().rss for pid in flow.pids().values()) / 1e6


def cpu_s(flow: Flow) -> dict[str, float]:
    """CPU seconds that every process of the stack has used so far."""
    return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in flow.pids().items()}


def throughput(flow: Flow, number: int) -> tuple[float, dict[str, float]]:
    """Documents a second from `documents` to counted, and CPU milliseconds a document per process."""
    titles = headlines()
    producer = KafkaProducer(bootstrap_servers=flow.kafka, acks="all", linger_ms=20, batch_size=1 << 17)
    with Redis.from_url(flow.redis) as redis:
        before = counted(redis)
        used = cpu_s(flow)
        began = time.monotonic()
        for n in range(number):
            send(producer, make(n, titles[n % len(titles)]))
        producer.flush()
        while counted(redis) < before + number:
            time.sleep(0.05)
        took = time.monotonic() - began
        spent = {name: 1000 * (now - used.get(name, 0.0)) / number for name, now in cpu_s(flow).items()}
    producer.close()
    return number / took, spent


class Board:
    """Follows the board's stream of events and notes when an alert first appears in it."""

    def __init__(self, url: str) -> None:
        self.seen: dict[str, int] = {}
        self._url = url
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with urllib.request.urlopen(f"{self._url}/events", timeout=600) as stream:  # noqa: S310 - our own desk
            for line in stream:
                if not line.startswith(b"data:"):
                    continue
                now = wall_ms()
                content = json.loads(line[5:])
                for alert, row in (content.get("rows") or {}).items():
                    if row and "firing" in json.dumps(row).lower():
                        self.seen.setdefault(alert, now)


def latency(flow: Flow, rate: int, seconds: int) -> list[float]:
    """Seconds from document to board, one per alert that fired."""
    desk = json.loads((flow.home / "run" / "state.json").read_text())["desk"]
    board = Board(desk)
    rng = random.Random(1)
    titles = headlines()
    producer = KafkaProducer(bootstrap_servers=flow.kafka, acks="all", linger_ms=2)
    began = time.monotonic()
    burst: list[tuple[str, str]] = []
    every = seconds / (len(ENTITIES) + 1)
    due = list(ENTITIES.items())
    for n in range(rate * seconds):
        if due and n >= rate * every * (len(ENTITIES) - len(due) + 1):
            entity, name = due.pop(0)
            burst += [(entity, text.format(name)) for text in rng.choices(BAD, k=BURST)]
        if burst and n % 5 == 0:
            entity, text = burst.pop(0)
            send(producer, make(n, text, entity))
        else:
            send(producer, make(n, titles[n % 4_000], None))
        time.sleep(max(0.0, began + n / rate - time.monotonic()))
    producer.flush()
    time.sleep(5)
    appended = {
        json.loads(record.value)["id"]: (record.timestamp, json.loads(record.value))
        for record in judge.read_topic(flow.kafka, "documents")
    }
    found = []
    told: set[str] = set()
    for record in judge.read_topic(flow.kafka, "alerts"):
        transition = json.loads(record.value)
        if transition["state"] != "firing" or transition["alert"] in told or transition["alert"] not in board.seen:
            continue
        told.add(transition["alert"])
        second = transition["at_ms"] // 1000
        times = [appended[i][0] for i in transition["evidence"]["contributing"] if i in appended]
        crossing = [ms for ms in times if ms // 1000 == second]
        if crossing:
            found.append((board.seen[transition["alert"]] - min(crossing)) / 1000)
    return sorted(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=6_000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--bundle", default="", help="empty = the shipped one; `deterministic` = no model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        flow = Flow(
            Path(folder) / "config", 2, 1,
            {"TOCSIN_SCORER__BUNDLE_EN": arguments.bundle, "TOCSIN_CLOCK": "wall", "TOCSIN_AGGREGATOR__AUDIT": "false"},
        )  # fmt: skip
        flow.folder.mkdir()
        flow._run("init", str(flow.folder))
        try:
            flow.up()
            flow.down()
            began = time.monotonic()
            flow.up()
            start_s = time.monotonic() - began
            rate, spent = throughput(flow, arguments.documents)
            seconds = latency(flow, arguments.rate, arguments.seconds)
            memory = memory_mb(flow)
        finally:
            flow.down()
    table = Table(
        "what", "measured", "must", title=f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    )
    table.add_row("second start, all stages up", f"{start_s:.1f} s", "< 15 s")
    table.add_row("documents to counted, with the model", f"{rate:.0f}/s", "300/s")
    for name, ms in sorted(spent.items(), key=lambda item: -item[1]):
        if ms >= 0.01:
            table.add_row(f"  CPU of {name}", f"{ms:.2f} ms a document", "")
    p50, p95 = (seconds[int(len(seconds) * q)] for q in (0.5, 0.95)) if seconds else (float("nan"),) * 2
    table.add_row(
        f"document to alert on the board at {arguments.rate}/s ({len(seconds)} alerts)", f"p50 {p50:.2f} s, p95 {p95:.2f} s",
        "p95 < 2 s",
    )  # fmt: skip
    table.add_row("resident memory of the stack", f"{memory:.0f} MB", "< 2,000 MB")
    console.print(table)


if __name__ == "__main__":
    main()
