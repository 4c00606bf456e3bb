"""The switches of the chaos driver: each fits the product's scripts, does the harm it should, and works nowhere else.

The smallest histories in which each rule is needed, on the real Redis; the whole flow without a rule is
`python tests/bench/chaos --switch-off RULE`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgpack
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from alerts import keys
from alerts.counting import Tail, plan, script_argument, split_tail
from contracts import codec
from contracts.errors import Fenced
from contracts.messages import Score
from stream.scripts import Script

SWITCHES = Path(__file__).parents[1] / "bench" / "chaos" / "switches"
DAY_MS = 1_667_865_600_000
sys.path.insert(0, str(SWITCHES))

from rules import PATCHES, patched  # noqa: E402 - it lies in the driver's folder


@pytest.fixture
def redis(redis_url: str) -> Redis:
    client = Redis.from_url(redis_url)
    client.hset(keys.POSITION, "0", 0)
    client.set("epoch:evaluator", 1)
    return client


def without(rule: str, name: str) -> Script:
    script = Script("alerts.lua", name)
    script.source = patched(rule, "alerts.lua", name, script.source)
    script.digest = hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()
    return script


def count(redis: Redis, script: Script, offset: int, *origins: int) -> None:
    rows = []
    for at, origin in enumerate(origins, offset):
        identity = f"{origin:032x}"
        score = Score(
            document=identity, origin_partition=0, origin_offset=origin, appended_ms=DAY_MS, story=identity, position=1,
            published_ms=DAY_MS + origin * 1000, source="wire", kind="news", lang="en",
            topic={"politics": 1.0}, sentiment={"negative": 0.9, "neutral": 0.1},
        )  # fmt: skip
        rows.append((0, at, codec.encode(score), codec.headers(score)))
    gate = {0: (offset, offset + len(origins))}
    script.run(redis, script_argument(plan(rows, "replay"), gate, 3600, audit=True))


def counted(redis: Redis) -> int:
    found: Counter[str] = Counter()
    for field, value in redis.hgetall("a:all").items():
        found[field.decode().partition(":")[2]] += int(value)
    return found["distinct"]


def look(redis: Redis, until_s: int = DAY_MS) -> Tail:
    return split_tail(redis.get(keys.tail("all")) or b"", redis.hget(keys.DIRTY, "all") or b"", until_s)


def commit(redis: Redis, script: Script, tail: Tail, epoch: int = 1, come_from: str = "") -> None:
    content = {
        "epoch": epoch, "from": come_from, "to": "9", "book": b"", "states": [], "unsent": [],
        "trims": [["all", tail.seen, tail.left, tail.version]],
    }  # fmt: skip
    script.run(redis, msgpack.packb(content, use_bin_type=False))


@pytest.mark.parametrize(("rule", "at"), [(rule, at) for rule in PATCHES for at in range(len(PATCHES[rule]))])
def test_a_patch_fits_the_script_that_it_changes(rule: str, at: int) -> None:
    package, name, before, _ = PATCHES[rule][at]
    source = Script(package, name).source
    assert source.count(before) == 1
    assert patched(rule, package, name, source) != source


def test_a_patch_that_fits_no_more_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"alerts.lua/count.lua: .* stands there 0 times, not once"):
        patched("gate", "alerts.lua", "count", "return 1")


def test_without_the_gate_what_redis_forgot_is_lost(redis: Redis) -> None:
    kept, broken = Script("alerts.lua", "count"), without("gate", "count")
    count(redis, kept, 0, 0, 1, 2)
    redis.flushall()
    with pytest.raises(ResponseError, match="REWIND"):
        count(redis, kept, 3, 3)
    count(redis, broken, 3, 3)
    assert counted(redis) == 1, "of four, and nothing will bring the others back:"
    assert redis.hget(keys.POSITION, "0") == b"4"


def test_without_the_gap_check_what_was_never_scored_is_lost(redis: Redis) -> None:
    kept, broken = Script("alerts.lua", "count"), without("gap_check", "count")
    count(redis, kept, 0, 0)
    with pytest.raises(ResponseError, match="GAP"):
        count(redis, kept, 1, 2)
    count(redis, broken, 1, 2)
    count(redis, kept, 2, 1, 2)  # the scorer writes again what it had left out
    assert counted(redis) == 2, "of three"


def test_without_versions_a_wake_up_is_lost(redis: Redis) -> None:
    script = Script("alerts.lua", "count")
    count(redis, script, 0, 0)
    tail = look(redis)
    count(redis, script, 1, 1)
    commit(redis, without("versioned_dirty", "commit"), tail)
    assert redis.get(keys.tail("all"))
    assert not redis.hexists(keys.DIRTY, "all"), "nobody will look at it"


def test_without_fencing_a_leader_that_was_replaced_throws_away_what_the_new_one_has_not_seen(redis: Redis) -> None:
    script, kept, broken = Script("alerts.lua", "count"), Script("alerts.lua", "commit"), without("fencing", "commit")
    count(redis, script, 0, 0)
    tail = look(redis)  # by the leader that is frozen now
    redis.incr("epoch:evaluator")
    commit(redis, kept, look(redis), epoch=2)
    count(redis, script, 1, 1)
    with pytest.raises(Fenced):
        commit(redis, kept, tail, epoch=1)
    assert redis.get(keys.tail("all"))
    commit(redis, broken, tail, epoch=1)
    assert redis.get(keys.tail("all")) is None, "document 1 was never evaluated"


@pytest.mark.parametrize(
    ("rule", "marked", "says"),
    [
        ("gate", False, "is not that of a chaos run; refused"),
        ("none-such", True, "no rule is called 'none-such'"),
    ],
)
def test_a_process_outside_of_a_chaos_run_refuses_to_run(tmp_path: Path, rule: str, marked: bool, says: str) -> None:
    if marked:
        (tmp_path / "this-is-a-chaos-run").touch()
    environment = os.environ | {
        "PYTHONPATH": str(SWITCHES), "TOCSIN_CHAOS__SWITCH_OFF": rule, "TOCSIN_HOME": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.run", "scorer"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "starting" not in done.stderr


def test_the_product_itself_knows_no_switch() -> None:
    folders = [
        Path(__file__).parents[2] / name for name in ("contracts", "stream", "alerts", "ingest", "inference", "tocsin")
    ]
    told = [path for folder in folders for path in folder.rglob("*.py") if "switch_off" in path.read_text().lower()]
    assert told == []
