"""`make chaos`: the real flow under kill -9 of everything, judged against an independent count and an undisturbed run.

    python tests/bench/chaos --documents 30000 --seed 1 [--seconds 90] [--keep FOLDER] [--full]
    python tests/bench/chaos --documents 8000 --provoke gate        the fault that a rule is there for
    python tests/bench/chaos --documents 8000 --switch-off gate     the same without the rule: it must fail

1. A made-up world (`world`) is replayed through a real stack while its processes, Redis and the broker are killed at seeded
   times (`faults`).
2. The judge (`judge`) counts the log once by itself: per series and minute, lost must be 0 and double must be 0.
3. The same log is copied record by record into a second, undisturbed stack: the alerts must be the same.
4. Without a rule of the protocol (`switches`) a run must fail: the proof that it can.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

import faults
import judge
from faults import Fault, Saboteur
from flow import Flow
from world import START_MS, World

RULES = tuple(faults.PROVOKED)
console = Console()


def disturb(flow: Flow, schedule: list[Fault]) -> list[Fault]:
    """Do what the schedule says; returns what was really done."""
    began = time.monotonic()
    saboteur = Saboteur(flow)
    saboteur.watch()
    done = []
    for fault in schedule:
        time.sleep(max(0.0, began + fault.due_s - time.monotonic()))
        at_s = time.monotonic() - began
        if saboteur.do(fault):
            done.append(fault)
            console.print(f"  {at_s:6.1f} s  {'kill -9 ' + fault.whom if fault.what == 'kill' else fault}")
    saboteur.end()
    return done


def copy_log(documents: list[Any], heartbeats: list[Any], target: str) -> int:
    """The same `documents`, record by record, partition by partition; then the last heartbeat, with its own ends."""
    producer = KafkaProducer(bootstrap_servers=target, acks="all", enable_idempotence=True, linger_ms=20)
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
    parser.add_argument("--full", action="store_true", help="300,000 documents, all faults, standbys")
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument("--provoke", choices=RULES, help="only the faults that this rule is there for")
    rule.add_argument("--switch-off", choices=RULES, help="the same faults without the rule: the run must fail")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds after which a run that hangs has failed")
    parser.add_argument("--keep", type=Path, help="work here and keep everything")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="tocsin-chaos-"))
    if arguments.full:
        arguments.documents, arguments.seconds, arguments.limit = 300_000, 600.0, 1800.0
    world = World(arguments.seed, arguments.documents)
    provoked = arguments.provoke or arguments.switch_off
    workers = 3 if arguments.full else 1 if provoked else 2
    standbys = int(arguments.full or provoked == "fencing")
    disturbed = Flow(folder / "disturbed", workers, workers, standbys, arguments.switch_off or "")
    calm = Flow(folder / "calm", 1, 1)
    began = time.monotonic()
    good = False
    try:
        good = _run(world, disturbed, calm, arguments)
    except (TimeoutError, AssertionError) as error:
        console.print(f"[red]failed:[/red] {error}", highlight=False)
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
    provoked = arguments.provoke or arguments.switch_off
    if provoked:
        schedule = faults.PROVOKED[provoked]
        console.print(f"[bold]{world.documents} documents, seed {world.seed}, what {provoked} is there for")
    else:
        schedule = (faults.full if arguments.full else faults.usual)(world.seed, arguments.seconds)
        console.print(f"[bold]{world.documents} documents, seed {world.seed}, disturbed for {arguments.seconds:.0f} s")
    if arguments.switch_off:
        console.print(f"[bold red]the rule {arguments.switch_off} is switched off: this run must fail")
    disturbed.up()
    kills = disturb(disturbed, schedule)
    heartbeat = finished(disturbed, arguments.limit)
    end_s = int(str(heartbeat["event_ms"])) // 1000 - 1
    waited = disturbed.wait_evaluated(end_s, arguments.limit, "the disturbed run")
    console.print(f"evaluated {waited:.0f} s after the last document was published")
    verdict = judge.compare(disturbed.kafka, disturbed.redis)
    rang = judge.alerts(disturbed.kafka)
    if verdict.lost or verdict.double or verdict.forgotten:
        console.print(
            f"[red]lost {verdict.lost}, double {verdict.double}[/red] of {verdict.units}, "
            f"[red]{verdict.forgotten} entries never evaluated[/red]; no need to compare alerts"
        )
        for line in verdict.examples:
            console.print(f"  {line}")
        return False
    log = judge.read_topic(disturbed.kafka, "documents"), judge.read_topic(disturbed.kafka, "sources")
    disturbed.down()

    _configure(calm, world, fed=False)
    calm.up()
    copied = copy_log(*log, calm.kafka)
    calm.wait_evaluated(end_s, arguments.limit, "the undisturbed run")
    calm_verdict = judge.compare(calm.kafka, calm.redis)
    calm_rang = judge.alerts(calm.kafka)

    different = {who for who in rang.keys() | calm_rang.keys() if rang.get(who) != calm_rang.get(who)}
    open_at_end = [who for who, life in rang.items() if life[-1][1] == "firing"]
    table = Table("", "disturbed", "undisturbed", box=None)
    table.add_row("documents in the log", str(verdict.documents), str(copied))
    table.add_row("units counted in truth", str(verdict.units), str(calm_verdict.units))
    table.add_row("lost", str(verdict.lost), str(calm_verdict.lost))
    table.add_row("double", str(verdict.double), str(calm_verdict.double))
    table.add_row("entries never evaluated", str(verdict.forgotten), str(calm_verdict.forgotten))
    table.add_row("alerts", str(len(rang)), str(len(calm_rang)))
    table.add_row("alerts that differ", str(len(different)), "")
    table.add_row("left firing", str(len(open_at_end)), "")
    table.add_row("faults", str(len(kills)), "0")
    console.print(table)
    for line in verdict.examples + calm_verdict.examples:
        console.print(f"  {line}")
    for who in sorted(different):
        console.print(f"  {who}: disturbed {rang.get(who)}, undisturbed {calm_rang.get(who)}")
    wrong = calm_verdict.lost or calm_verdict.double or calm_verdict.forgotten or different
    return bool(rang) and not wrong


if __name__ == "__main__":
    sys.exit(main())
