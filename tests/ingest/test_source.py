"""The loop of a source on the real Kafka and Redis: what it says of itself, when it waits, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata

from contracts.clock import HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from conftest import Ingest

pytestmark = pytest.mark.system
DAY = 1_667_865_600_000  # 2022-11-08


def _write(path: Path, hours: list[float]) -> None:
    rows = "".join(f"{int(DAY + hour * HOUR_MS)},{path.stem} headline {number}\n" for number, hour in enumerate(hours))
    path.write_text("when,headline\n" + rows, encoding="utf-8")


def _source(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "replay", "path": f"{name}.csv", "map": {"time": "when", "title": "headline"}, **more}


def test_heartbeats_come_first_promise_the_truth_and_end_with_done(ingest: Ingest) -> None:
    _write(ingest.folder / "promise.csv", [number / 10 for number in range(2_000)])
    ingest.sources(_source("promise", learn_until="2022-11-08T05:00:00Z"))
    ingest.environment["TOCSIN_INGEST__HEARTBEAT_S"] = "0.05"
    ingest.start()
    ingest.until(ingest.done)
    assert ingest.stop() == 0

    documents, records = ingest.documents(), ingest.records("documents")
    beats, beat_records = ingest.heartbeats(), ingest.records("sources")
    assert beat_records[0].timestamp <= min(record.timestamp for record in records)
    assert [beat.event_ms for beat in beats] == sorted(beat.event_ms for beat in beats)
    for beat in beats:
        for document, record in zip(documents, records, strict=True):
            assert document.published_ms >= beat.event_ms or record.offset < beat.ends[record.partition]

    first, last = beats[0], beats[-1]
    assert first.replay is not None
    assert last.replay is not None
    assert (first.event_ms, first.items, first.replay.done) == (DAY, 0, False)
    assert (last.replay.rows_done, last.replay.rows, last.items) == (2_000, 2_000, 2_000)
    assert last.replay.learn_until_ms == DAY + 5 * HOUR_MS
    # The last minute is over: what came in it can be counted to its end.
    assert last.event_ms == (last.replay.end_ms // MINUTE_MS + 1) * MINUTE_MS
    assert not last.alive, "an orderly stop says so"


def test_hop_times_travel_with_a_document(ingest: Ingest) -> None:
    _write(ingest.folder / "hops.csv", [0])
    ingest.sources(_source("hops"))
    ingest.start()
    ingest.until(ingest.done)
    (found,) = ingest.document_hops()
    assert found["fetch"] <= found["publish"] <= ingest.clock.wall_ms()


def test_in_a_paced_replay_event_time_passes_while_nothing_is_due(ingest: Ingest) -> None:
    _write(ingest.folder / "paced.csv", [0, 1, 2, 62])
    ingest.sources(_source("paced", speed=36_000, phases=[{"until": "2022-11-08T02:30:00Z", "speed": 0}]))
    ingest.environment["TOCSIN_INGEST__HEARTBEAT_S"] = "0.1"
    ingest.start()
    ingest.until(ingest.done)
    in_the_gap = {
        beat.event_ms
        for beat in ingest.heartbeats()
        if DAY + 2.5 * HOUR_MS < beat.event_ms < DAY + 62 * HOUR_MS and beat.items == 3
    }
    assert len(in_the_gap) >= 5


def test_a_replay_goes_on_where_it_was(ingest: Ingest) -> None:
    _write(ingest.folder / "resume.csv", [0, 1, 2, 1_000])
    ingest.sources(_source("resume", speed=3_600, phases=[{"until": "2022-11-08T03:00:00Z", "speed": 0}]))
    ingest.start()
    ingest.until(lambda: any(beat.event_ms > DAY + 4 * HOUR_MS for beat in ingest.heartbeats()))
    assert ingest.stop() == 0
    reached = ingest.heartbeats()[-1].event_ms
    before = len(ingest.heartbeats())
    ingest.start()
    ingest.until(lambda: len(ingest.heartbeats()) > before)
    beat = ingest.heartbeats()[before]
    assert beat.event_ms == pytest.approx(reached, abs=HOUR_MS)
    assert beat.items == 3
    assert ingest.published() == 3


def test_rubbish_goes_to_dead_letters_with_its_line_and_reason_and_the_rest_goes_on(ingest: Ingest) -> None:
    content = (
        b"when,headline\n2022-11-08,good\n2022-11-08,\n2022-11-08,\xff\xfe\nsoon,undated\n2022-11-08,one,too many\n"
        b'2022-11-08,"never closed\n1970-01-01,long ago\n2099-01-01,some day\n2022-11-08,good\n2022-11-08,'
        + b"x" * 5_000_000
        + b"\n2022-11-09,the end\n"
    )
    (ingest.folder / "rubbish.csv").write_bytes(content)
    ingest.sources(_source("rubbish"))
    ingest.start()
    ingest.until(ingest.done)

    letters = {letter.detail.partition(":")[0]: letter for letter in ingest.dead_letters()}
    assert {line: letter.reason for line, letter in letters.items()} == {
        "line 3": "empty",
        "line 4": "undecodable",
        "line 5": "time",
        "line 6": "malformed",
        "line 7": "malformed",
        "line 11": "too_large",
    }
    assert {(letter.stage, letter.source, letter.partition) for letter in letters.values()} == {
        ("ingest", "rubbish", -1)
    }
    documents = {document.title: document for document in ingest.documents()}
    assert set(documents) == {"good", "long ago", "some day", "the end"}
    assert documents["some day"].flags == ["future_dated"]
    assert documents["some day"].published_ms == DAY
    assert documents["long ago"].flags == ["implausible_date"]
    assert len(ingest.documents()) == 4, "a row that comes twice is one document"


def test_a_replay_at_full_speed_stays_near_the_scorer(ingest: Ingest, kafka_address: str) -> None:
    group = "near-the-scorer"
    consumer = KafkaConsumer(bootstrap_servers=kafka_address, group_id=group, enable_auto_commit=False)

    def commit() -> None:
        ends = ingest.ends("documents")
        consumer.assign(list(ends))
        consumer.commit({partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items()})

    commit()
    _write(ingest.folder / "flood.csv", [number / 100 for number in range(2_000)])
    ingest.sources(_source("flood"))
    ingest.environment |= {"TOCSIN_INGEST__AHEAD_DOCUMENTS": "500", "TOCSIN_INGEST__SCORER_GROUP": group}
    ingest.start()
    ingest.until(lambda: ingest.published() == 500)
    beats = len(ingest.heartbeats())
    ingest.until(lambda: len(ingest.heartbeats()) >= beats + 3)
    assert ingest.published() == 500, "it waits, and says that it is alive"
    commit()
    ingest.until(lambda: ingest.published() > 500)
    consumer.close()


def test_another_file_under_the_same_name_is_refused_in_one_line(ingest: Ingest) -> None:
    _write(ingest.folder / "changed.csv", [0])
    ingest.sources(_source("changed"))
    ingest.start()
    ingest.until(ingest.done)
    assert ingest.stop() == 0
    _write(ingest.folder / "changed.csv", [0, 1])
    ingest.start()
    assert ingest.process is not None
    assert ingest.process.wait(timeout=60) == 2
    assert "give the source another name" in ingest.log().splitlines()[-1]
    assert "Traceback" not in ingest.log()


def test_a_file_that_is_mostly_rubbish_is_paused_and_says_why(ingest: Ingest) -> None:
    rows = "".join(f"soon,headline {number}\n" for number in range(1_500))
    (ingest.folder / "rotten.csv").write_text(f"when,headline\n2022-11-08,good\n{rows}2022-11-09,the end\n")
    ingest.sources(_source("rotten"))
    ingest.start()
    ingest.until(lambda: any(beat.why for beat in ingest.heartbeats()))
    beats = len(ingest.heartbeats())
    ingest.until(lambda: len(ingest.heartbeats()) >= beats + 3)
    last = ingest.heartbeats()[-1]
    assert not last.alive
    assert "tocsin dead-letters list --source rotten" in last.why
    assert len(ingest.dead_letters()) <= 1_250, "the rest of the file is not drained"
    assert ingest.published() == 1
