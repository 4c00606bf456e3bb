"""`make chaos`: the real flow under kill -9 of everything, judged against an independent count and an undisturbed run.

    python tests/bench/chaos --documents 30000 --seed 1 [--seconds 90] [--keep FOLDER]

1. A made-up world (`world`) is replayed through a real stack while its processes, Redis and the broker are killed at seeded
   times.
2. The judge (`judge`) counts the log once by itself: per series and minute, lost must be 0 and double must be 0.
3. The same log is copied record by record into a second, undisturbed stack: the alerts must be the same.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from kafka import KafkaProducer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

import judge
from flow import Flow
from world import START_MS, World

VICTIMS = ("scorer-a", "scorer-b", "aggregator-a", "aggregator-b", "evaluator", "ingest", "notify", "desk")
STORES = ("redis", "kafka")
console = Console()


def schedule(seed: int, seconds: float) -> list[tuple[float, str]]:
    """When what is killed: every stage at least once, Redis twice, the broker once, the rest at random."""
    rng = random.Random(seed)
    names = [*VICTIMS, "redis", "redis", "kafka", *rng.choices(VICTIMS[:5], k=max(0, int(seconds / 6)))]
    rng.shuffle(names)
    return sorted((rng.uniform(2, seconds), name) for name in names)


def disturb(flow: Flow, seed: int, seconds: float) -> list[tuple[float, str]]:
    """Kill by the schedule; returns what was really killed."""
    began = time.monotonic()
    done = []
    for due, name in schedule(seed, seconds):
        time.sleep(max(0.0, began + due - time.monotonic()))
        if flow.kill(name):
            done.append((round(time.monotonic() - began, 1), name))
            console.print(f"  {done[-1][0]:6.1f} s  kill -9 {name}")
    return done


def copy_log(source: str, target: str) -> int:
    """The same `documents`, record by record, partition by partition; then the last heartbeat, with its own ends."""
    documents = judge.read_topic(source, "documents")
    producer = KafkaProducer(bootstrap_servers=target, acks="all", enable_idempotence=True, linger_ms=20)
    heartbeats = judge.read_topic(source, "sources")
    last = json.loads(heartbeats[-1].value)
    # The promise of the second log's beginning must be there before its first document, as a source would make it.
    first = dict(last, event_ms=START_MS, ends={}, replay=dict(last["replay"], done=False))
    producer.send("sources", key=heartbeats[-1].key, value=json.dumps(first).encode())
    producer.flush()
    for record in documents:
        producer.send(
            "documents", key=record.key, value=record.value, headers=list(record.headers), partition=record.partition
        )
    producer.flush()
    ends: dict[int, int] = {}
    for record in documents:
        ends[record.partition] = ends.get(record.partition, 0) + 1
    producer.send("sources", key=heartbeats[-1].key, value=json.dumps(dict(last, ends=ends)).encode())
    producer.flush()
    producer.close()
    return len(documents)


def finished(flow: Flow, limit_s: float) -> dict[str, object]:
    """Wait until the source has said that its replay is over; returns its last heartbeat."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        heartbeats = judge.read_topic(flow.kafka, "sources")
        if heartbeats and json.loads(heartbeats[-1].value)["replay"]["done"]:
            heartbeat: dict[str, object] = json.loads(heartbeats[-1].value)
            return heartbeat
        time.sleep(1)
    raise TimeoutError(f"the replay was not over after {limit_s:.0f} s; logs are in {flow.home}/logs")


def main() -> int:
    """Run it; exit code 1 when anything was lost, double or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=75.0, help="how long things are killed")
    parser.add_argument("--keep", type=Path, help="work here and keep everything")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="tocsin-chaos-"))
    world = World(arguments.seed, arguments.documents)
    disturbed, calm = Flow(folder / "disturbed"), Flow(folder / "calm", 1, 1)
    began = time.monotonic()
    good = False
    try:
        good = _run(world, disturbed, calm, arguments)
    finally:
        disturbed.down()
        calm.down()
        if good and arguments.keep is None:
            shutil.rmtree(folder)
        else:
            console.print(f"What was left is in {folder}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if good else 1


def _configure(flow: Flow, world: World, *, fed: bool) -> None:
    flow.folder.mkdir(parents=True)
    flow._run("init", str(flow.folder))
    world.write(flow.folder)
    if not fed:
        (flow.folder / "sources.yaml").write_text("sources: []\n")


def _run(world: World, disturbed: Flow, calm: Flow, arguments: argparse.Namespace) -> bool:
    _configure(disturbed, world, fed=True)
    console.print(f"[bold]{world.documents} documents, seed {world.seed}, killed for {arguments.seconds:.0f} s")
    disturbed.up()
    kills = disturb(disturbed, world.seed, arguments.seconds)
    heartbeat = finished(disturbed, 240)
    end_s = int(str(heartbeat["event_ms"])) // 1000 - 1
    waited = disturbed.wait_evaluated(end_s, 240, "the disturbed run")
    console.print(f"evaluated {waited:.0f} s after the last document was published")
    verdict = judge.compare(disturbed.kafka, disturbed.redis)
    rang = judge.alerts(disturbed.kafka)

    _configure(calm, world, fed=False)
    calm.up()
    copied = copy_log(disturbed.kafka, calm.kafka)
    calm.wait_evaluated(end_s, 240, "the undisturbed run")
    calm_verdict = judge.compare(calm.kafka, calm.redis)
    calm_rang = judge.alerts(calm.kafka)

    different = {who for who in rang.keys() | calm_rang.keys() if rang.get(who) != calm_rang.get(who)}
    open_at_end = [who for who, life in rang.items() if life[-1][1] == "firing"]
    table = Table("", "disturbed", "undisturbed", box=None)
    table.add_row("documents in the log", str(verdict.documents), str(copied))
    table.add_row("units counted in truth", str(verdict.units), str(calm_verdict.units))
    table.add_row("lost", str(verdict.lost), str(calm_verdict.lost))
    table.add_row("double", str(verdict.double), str(calm_verdict.double))
    table.add_row("alerts", str(len(rang)), str(len(calm_rang)))
    table.add_row("alerts that differ", str(len(different)), "")
    table.add_row("left firing", str(len(open_at_end)), "")
    table.add_row("kills", str(len(kills)), "0")
    console.print(table)
    for line in verdict.examples + calm_verdict.examples:
        console.print(f"  {line}")
    for who in sorted(different):
        console.print(f"  {who}: disturbed {rang.get(who)}, undisturbed {calm_rang.get(who)}")
    return not (verdict.lost or verdict.double or calm_verdict.lost or calm_verdict.double or different) and bool(rang)


if __name__ == "__main__":
    sys.exit(main())
