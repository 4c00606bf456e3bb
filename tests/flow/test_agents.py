"""The Faust agents in process: what they hand to their stage, when they acknowledge, and how they end. No broker.

The same on the real broker: tests/system, tests/bench/chaos.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts import codec
from contracts.clock import ManualClock
from contracts.messages import Document, Score
from contracts.settings import Kafka, Settings
from contracts.topics import dead_letters
from inference.app import ScorerStage
from inference.scoring import load_scorer
from stream.attempts import LIMIT
from stream.records import Record
from stream.worker import WorkerSettings, create_worker

Spans = dict[int, tuple[int, int]]


class Notebook:
    """A stage that writes down what it is given; records whose value starts with `bad` make it fail."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.spans: list[Spans] = []
        self.condemned: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def positions(self, committed: dict[int, int]) -> dict[int, int]:
        return committed

    async def process(self, batch: Sequence[Record], spans: Spans) -> None:
        await self.gate.wait()
        if any((record.value or b"").startswith(b"bad") for record in batch):
            raise ValueError("a bug that this record wakes")
        self.batches.append([record.value or b"" for record in batch])
        self.spans.append(spans)

    async def condemn(self, record: Record, spans: Spans, error: Exception) -> None:
        self.condemned.append(record.value or b"")


class Feed:
    """What a test puts before the agent, and what the agent has acknowledged of it."""

    def __init__(self, agent: Any) -> None:
        self._agent = agent
        self._messages: list[Any] = []

    async def put(self, value: bytes, *, partition: int = 0) -> None:
        event = await self._agent.put(value, partition=partition, wait=False)
        self._messages.append(event.message)

    def skip_to(self, offset: int) -> None:
        self._agent.sent_offset = offset

    @property
    def acknowledged(self) -> list[int]:
        return [message.offset for message in self._messages if message.acked]


@asynccontextmanager
async def agent(stage: Any, home: Path, ended: list[str]) -> AsyncIterator[Feed]:
    worker = WorkerSettings("scorer", "a", "documents", batch=4, linger_s=0.05, watchdog_s=60, home=home)
    app = create_worker(worker, Kafka(), stage, end=ended.append)
    app.finalize()
    async with app.agents["scorer"].test_context() as under_test:
        yield Feed(under_test)
    # An acknowledgement makes Faust build its consumer, whose thread never starts here and whose loop nobody else closes.
    app.consumer._thread.thread_loop.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is Faust's own state, which has no event
            await asyncio.sleep(0.01)


async def test_records_come_in_batches_in_order_and_are_acknowledged_after_the_stage_has_them(tmp_path: Path) -> None:
    stage, ended = Notebook(), list[str]()
    stage.gate.clear()
    async with agent(stage, tmp_path, ended) as feed:
        for n in range(6):
            await feed.put(b"%d" % n)
        await asyncio.sleep(0.2)
        assert feed.acknowledged == [], "nothing is acknowledged while the stage has not made it durable"
        stage.gate.set()
        await until(lambda: len(feed.acknowledged) == 6)
    assert [value for batch in stage.batches for value in batch] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert max(len(batch) for batch in stage.batches) <= 4
    assert stage.spans[0][0][0] == 0
    assert stage.spans[-1][0][1] == 6
    assert not ended


async def test_a_batch_that_fails_ends_the_process_and_acknowledges_nothing_of_it(tmp_path: Path) -> None:
    stage, ended = Notebook(), list[str]()
    async with agent(stage, tmp_path, ended) as feed:
        await feed.put(b"bad")
        await until(lambda: bool(ended))
        assert feed.acknowledged == []
    assert ended == ["ValueError: a bug that this record wakes"]


async def test_a_place_that_failed_three_times_is_taken_record_by_record_and_its_culprit_condemned(
    tmp_path: Path,
) -> None:
    async def fail() -> None:
        stage, ended = Notebook(), list[str]()
        async with agent(stage, tmp_path, ended) as feed:
            for value in (b"good", b"bad", b"fine"):
                await feed.put(value)
            await until(lambda: bool(ended))
        assert stage.condemned == []

    async def succeed() -> None:
        stage, ended = Notebook(), list[str]()
        async with agent(stage, tmp_path, ended) as feed:
            for value in (b"good", b"bad", b"fine"):
                await feed.put(value)
            await until(lambda: len(feed.acknowledged) == 3)
        assert stage.condemned == [b"bad"]
        assert [value for batch in stage.batches for value in batch] == [b"good", b"fine"]
        assert not ended

    for _ in range(LIMIT):
        await fail()
    await succeed()


async def test_an_offset_that_was_jumped_over_ends_the_process(tmp_path: Path) -> None:
    stage, ended = Notebook(), list[str]()
    async with agent(stage, tmp_path, ended) as feed:
        await feed.put(b"0")
        await until(lambda: feed.acknowledged == [0])
        feed.skip_to(5)
        await feed.put(b"5")
        await until(lambda: bool(ended))
        assert feed.acknowledged == [0]
    assert "read offset 5 where 1 was due" in ended[0]


class Log:
    """Stands for the producer of scores: batches as they were built, letters as they were sent."""

    def __init__(self) -> None:
        self.scores: list[tuple[int, Score, dict[str, bytes]]] = []
        self.letters: list[tuple[str, dict[str, Any]]] = []

    def create_batch(self) -> Any:
        log, rows = self, list[tuple[bytes, list[tuple[str, bytes]]]]()

        class Builder:
            def append(self, *, key: bytes, value: bytes, timestamp: None, headers: list[tuple[str, bytes]]) -> object:
                rows.append((value, headers))
                return log

            def close(self) -> None: ...

        builder: Any = Builder()
        builder.rows = rows
        return builder

    async def send_batch(self, builder: Any, topic: str, *, partition: int) -> Any:
        assert topic == "scores"
        self.scores += [(partition, codec.decode(Score, value), dict(headers)) for value, headers in builder.rows]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes | None, headers: Any) -> None:
        self.letters.append((topic, json.loads(value)))


def document(number: int, title: str, lang: str = "en") -> bytes:
    return codec.encode(
        Document(
            id=f"d{number:031d}", source="wire", lang=lang, title=title, published_ms=1_700_000_000_000,
            fetched_ms=1_700_000_000_000, story=f"d{number:031d}", position=1,
        )
    )  # fmt: skip


@pytest.mark.parametrize("partition", [0, 3])
async def test_the_scorers_agent_writes_one_score_per_document_with_its_origin(tmp_path: Path, partition: int) -> None:
    settings = Settings(home=tmp_path)
    stage = ScorerStage(settings, load_scorer({"en": "deterministic"}), ManualClock(1_700_000_001_000))
    stage._producer = log = Log()
    ended: list[str] = []
    async with agent(stage, tmp_path, ended) as feed:
        values = [document(0, "shares collapse"), b"{broken", document(2, "Aktien fallen", lang="de")]
        for value in values:
            await feed.put(value, partition=partition)
        await until(lambda: len(feed.acknowledged) == 3)
    assert not ended
    assert [at for at, _, _ in log.scores] == [partition] * 3
    assert [headers[codec.ORIGIN_HEADER] for _, _, headers in log.scores] == [
        b"%d:%d" % (partition, offset) for offset in range(3)
    ]
    assert [score.status for _, score, _ in log.scores] == ["scored", "rejected", "rejected"]
    assert [(topic, letter["offset"]) for topic, letter in log.letters] == [(dead_letters("documents"), 1)]
