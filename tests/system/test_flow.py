"""The whole flow as a black box: a real stack started by its commands, a replay in, alerts out, rubbish on the way.

The model is the deterministic session, so that what must be counted can be read off the texts (tests/bench/chaos/world.py).
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import judge
import pytest
from flow import TOCSIN, Flow
from kafka import KafkaProducer
from world import World

pytestmark = pytest.mark.system
WORLD = World(seed=3, documents=4_000, crises=4)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own desk
        body: bytes = answer.read()
    return body


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """A stack that has replayed the world to its end."""
    flow = Flow(tmp_path_factory.mktemp("flow") / "config", scorers=1, aggregators=1)
    flow.folder.mkdir()
    assert flow._run("init", str(flow.folder)).returncode == 0
    WORLD.write(flow.folder)
    try:
        flow.up()
        flow.wait_evaluated(last_event_s(flow), 240, "the replay")
        yield flow
    finally:
        flow.down()


def last_event_s(flow: Flow) -> int:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        beats = [json.loads(record.value) for record in judge.read_topic(flow.kafka, "sources")]
        if beats and beats[-1]["replay"]["done"]:
            return int(beats[-1]["event_ms"]) // 1000 - 1
        time.sleep(1)
    raise TimeoutError("the replay did not end")


def tocsin(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TOCSIN, *arguments], capture_output=True, text=True, timeout=120, check=False)


def desk_url(flow: Flow) -> str:
    url: str = json.loads((flow.home / "run" / "state.json").read_text())["desk"]
    return url


def test_every_document_is_counted_once(flow: Flow) -> None:
    verdict = judge.compare(flow.kafka, flow.redis)
    assert verdict.units > 15_000
    assert (verdict.lost, verdict.double) == (0, 0), verdict.examples


def test_every_crisis_rings_on_its_company(flow: Flow) -> None:
    negative = Counter(
        json.loads(line)["title"].split()[0]
        for line in (flow.folder / "stream.jsonl").read_text().splitlines()
        if "[[negative]]" in line
    )
    rang = judge.alerts(flow.kafka)
    fired = {
        series for (series, rule, _), life in rang.items() if rule == "negative" and any(s[1] == "firing" for s in life)
    }
    companies = {series for series in fired if series.startswith("entity:firm-") and "/" not in series}
    assert len(companies) >= WORLD.crises - 1, (sorted(fired), negative.most_common(8))


def test_a_life_is_numbered_from_one_without_gaps_and_ends(flow: Flow) -> None:
    for who, life in judge.alerts(flow.kafka).items():
        assert [step[0] for step in life] == list(range(1, len(life) + 1)), who


def test_nothing_pages_while_the_replay_only_teaches(flow: Flow) -> None:
    transitions = [json.loads(record.value) for record in judge.read_topic(flow.kafka, "alerts")]
    learn_until = json.loads(judge.read_topic(flow.kafka, "sources")[-1].value)["replay"]["learn_until_ms"]
    assert transitions
    assert not [t for t in transitions if t["page"] and t["at_ms"] < learn_until]


def test_an_alert_leads_to_its_documents(flow: Flow) -> None:
    firing = [json.loads(r.value) for r in judge.read_topic(flow.kafka, "alerts")]
    firing = [
        t for t in firing if t["state"] == "firing" and t["series"].startswith("entity:") and "/" not in t["series"]
    ]
    assert firing
    for transition in firing:
        evidence = transition["evidence"]
        assert len(evidence["documents"]) == min(5, evidence["contributing_total"])
        assert evidence["contributing_total"] >= 4
        assert all("[[negative]]" in document["snippet"] for document in evidence["documents"])
        assert len(evidence["contributing"]) == len(set(evidence["contributing"]))


def test_the_desk_shows_the_alerts_and_their_evidence(flow: Flow) -> None:
    alert = next(json.loads(r.value) for r in judge.read_topic(flow.kafka, "alerts") if b'"state":"firing"' in r.value)[
        "alert"
    ]
    until = time.monotonic() + 30
    while time.monotonic() < until and alert.encode() not in get(desk_url(flow) + "/"):
        time.sleep(0.5)
    assert alert.encode() in get(desk_url(flow) + "/")
    assert b"[[negative]]" in get(f"{desk_url(flow)}/alert/{alert}")
    assert alert in {each["alert"] for each in json.loads(get(desk_url(flow) + "/api/v1/alerts"))["alerts"]}


def test_status_tells_every_stage(flow: Flow) -> None:
    done = tocsin("status", "--home", str(flow.home), "--json")
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stdout
    assert {"kafka", "redis", "ingest", "scorer-a", "aggregator-a", "evaluator", "notify", "desk"} <= set(rows)
    assert all(row["state"] == "running" for row in rows.values())


GOOD = {
    "id": "", "source": "rubbish", "kind": "news", "lang": "en", "title": "Firm00 Holdings is well [[neutral]] [[topic:politics]]",
    "body": "", "published_ms": WORLD.end_ms, "fetched_ms": WORLD.end_ms, "story": "", "position": 1, "mentions": [],
}  # fmt: skip


def document(number: int, **changes: object) -> bytes:
    identity = f"{number:032x}"
    return json.dumps(GOOD | {"id": identity, "story": identity} | changes).encode()


RUBBISH: list[tuple[bytes | None, bytes | None, str | None]] = [
    (b"k", b"{broken json", "undecodable"),
    (b"k", b"\xff\xfe\x00 not utf-8", "undecodable"),
    (b"k", b"[1, 2]", "schema"),
    (b"k", document(1, title=None), "schema"),
    (b"k", document(2, published_ms=0, fetched_ms=0), "implausible_date"),
    (b"k", document(3, published_ms=4_000_000_000_000, fetched_ms=4_000_000_000_000), "future_dated"),
    (b"k", document(4, title="x" * 1_500_000), "too_large"),
    (b"k", None, "empty_value"),
    (b"k", document(5, lang="tlh"), None),  # rejected with its reason, no dead letter
    (b"k", document(6, title=""), None),
    (None, document(7), None),  # a null key is only a key: it is scored
]


def test_rubbish_is_named_and_the_flow_goes_on(flow: Flow) -> None:
    producer = KafkaProducer(bootstrap_servers=flow.kafka, acks="all", max_request_size=3_000_000)
    places = [producer.send("documents", key=k, value=v).get(timeout=30) for k, v, _ in RUBBISH]
    after = producer.send("documents", key=b"good", value=document(8)).get(timeout=30)
    wanted = {(place.partition, place.offset) for place in (*places, after)}
    until = time.monotonic() + 60
    scores: dict[tuple[int, int], dict[str, object]] = {}
    while time.monotonic() < until and not wanted <= scores.keys():
        records = [json.loads(record.value) for record in judge.read_topic(flow.kafka, "scores")]
        scores = {(score["origin_partition"], score["origin_offset"]): score for score in records}
        time.sleep(0.5)
    reasons = [scores[place.partition, place.offset]["reason"] for place in places]
    assert reasons == [*(why for _, _, why in RUBBISH[:8]), "language", "empty", None]
    assert scores[after.partition, after.offset]["status"] == "scored"
    listed = tocsin("dead-letters", "list", "--json", "--kafka", flow.kafka)
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    assert Counter(letter["reason"] for letter in letters) == Counter(why for _, _, why in RUBBISH if why)


def test_a_dead_document_can_be_seen_and_replayed(flow: Flow) -> None:
    listed = tocsin("dead-letters", "list", "--json", "--kafka", flow.kafka)
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    schema = next(letter for letter in letters if letter["reason"] == "schema")
    shown = tocsin("dead-letters", "show", schema["place"], "--kafka", flow.kafka)
    assert shown.returncode == 0, shown.stderr
    assert "scorer" in shown.stdout
    replayed = tocsin("dead-letters", "replay", schema["place"], "--kafka", flow.kafka)
    assert replayed.returncode == 0, replayed.stderr
    until = time.monotonic() + 60
    while time.monotonic() < until:
        again = tocsin("dead-letters", "list", "--json", "--all", "--reason", "schema", "--kafka", flow.kafka)
        if len(again.stdout.splitlines()) == 3:
            break
    assert len(again.stdout.splitlines()) == 3, "it is still broken, so it dies again, at a new place"
    cut = next(letter for letter in letters if letter["reason"] == "too_large")
    refused = tocsin("dead-letters", "replay", cut["place"], "--kafka", flow.kafka)
    assert refused.returncode == 2
    assert "64 KiB" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_every_stage_killed_comes_back_and_counts_go_on(flow: Flow) -> None:
    for name in ("scorer-a", "aggregator-a", "evaluator"):
        assert flow.kill(name)
    producer = KafkaProducer(bootstrap_servers=flow.kafka, acks="all")
    for number in range(100, 150):
        producer.send("documents", key=b"after", value=document(number))
    producer.flush()
    until = time.monotonic() + 90
    found: Counter[judge.Place] = Counter()
    minute = WORLD.end_ms // 60_000
    while time.monotonic() < until and found["topic:politics", minute, "distinct"] < 50:
        time.sleep(1)
        found = judge.counted(flow.redis)
    # 50 here, and what the test of rubbish left in the same minute: documents 7 and 8.
    assert found["topic:politics", minute, "distinct"] in (50, 52)


def test_down_leaves_nothing_running(flow: Flow) -> None:
    pids = flow.pids()
    assert len(pids) == 8
    flow.down()
    alive = [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
    assert not alive
