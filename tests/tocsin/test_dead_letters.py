"""`tocsin dead-letters` on the real Kafka: what died is found, mended, published once, or dropped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from typer.testing import CliRunner

from contracts import codec
from contracts.errors import UserError
from contracts.messages import DeadLetter, Document
from tocsin import topics
from tocsin.commands.dead_letters import app

pytestmark = pytest.mark.system
NOON = 1_667_908_800_000
GOOD = {
    "id": "a" * 32, "source": "s", "lang": "en", "title": "FTX halts withdrawals", "published_ms": NOON, "fetched_ms": NOON,
    "story": "a" * 32, "position": 1,
}  # fmt: skip


def letter(
    value: bytes, source: str, *, stage: str = "scorer", reason: str = "schema", at_ms: int = NOON
) -> DeadLetter:
    return DeadLetter(
        topic="documents", partition=-1 if stage == "ingest" else 0, offset=-1 if stage == "ingest" else 7, stage=stage,
        reason=reason, value=base64.b64encode(value[: 64 * 1024]).decode(), size=len(value), source=source, at_ms=at_ms,
    )  # fmt: skip


@pytest.fixture
def bury(kafka_address: str) -> Iterator[Callable[[DeadLetter], str]]:
    topics.apply(kafka_address, partitions=8, replication=1)
    producer = KafkaProducer(bootstrap_servers=kafka_address, acks="all")

    def put(one: DeadLetter) -> str:
        sent = producer.send("documents.dead", key=b"k", value=codec.encode(one), headers=codec.headers(one)).get(
            timeout=30
        )
        return f"documents.dead/{sent.partition}/{sent.offset}"

    yield put
    producer.close()


@pytest.fixture
def command(kafka_address: str) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--kafka", kafka_address])
        if isinstance(result.exception, UserError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def documents(kafka_address: str) -> list[tuple[bytes, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=kafka_address, enable_auto_commit=False)
    partitions = [TopicPartition("documents", number) for number in consumer.partitions_for_topic("documents")]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends, found = consumer.end_offsets(partitions), []
    while any(consumer.position(tp) < end for tp, end in ends.items()):
        found += [(r.key, r.value) for records in consumer.poll(timeout_ms=200).values() for r in records]
    consumer.close()
    return found


def places(output: str) -> list[str]:
    return [orjson.loads(line)["place"] for line in output.splitlines()]


def test_letters_are_found_by_reason_source_and_time(bury: Callable[..., str], command: Callable[..., str]) -> None:
    early = bury(letter(b"{}", "find-a", at_ms=NOON))
    late = bury(letter(b"{", "find-a", reason="undecodable", at_ms=NOON + 1_000))
    bury(letter(b"{}", "find-b"))
    assert places(command("list", "--json", "--source", "find-a")) == [early, late]
    assert places(command("list", "--json", "--source", "find-a", "--reason", "undecodable")) == [late]
    assert places(command("list", "--json", "--source", "find-a", "--until", "2022-11-08T12:00:01Z")) == [early]
    assert places(command("list", "--json", "--source", "find-a", "--since", "2022-11-08T12:00:01Z")) == [late]
    with pytest.raises(UserError, match="--since soon: is no time"):
        command("list", "--since", "soon")


def test_a_letter_is_replayed_once(bury: Callable[..., str], command: Callable[..., str], kafka_address: str) -> None:
    value = orjson.dumps(GOOD | {"title": "replayed once"})
    place = bury(letter(value, "replay"))
    assert "1 documents published again" in command("replay", "--source", "replay")
    assert "0 documents published again" in command("replay", "--source", "replay")
    with pytest.raises(UserError, match="was replayed already"):
        command("replay", place)
    assert documents(kafka_address).count((b"k", value)) == 1
    assert places(command("list", "--json", "--source", "replay")) == []
    assert places(command("list", "--json", "--source", "replay", "--all")) == [place]


def test_what_is_dropped_is_listed_no_more(bury: Callable[..., str], command: Callable[..., str]) -> None:
    bury(letter(b"{}", "drop"))
    assert "1 dead letters dropped" in command("drop", "--source", "drop")
    assert places(command("list", "--json", "--source", "drop")) == []
    with pytest.raises(UserError, match="say which"):
        command("drop")


def test_a_document_is_mended_checked_and_published(
    bury: Callable[..., str], command: Callable[..., str], kafka_address: str
) -> None:
    place = bury(letter(orjson.dumps(GOOD | {"lang": None, "title": "mended"}), "mend"))
    with pytest.raises(UserError, match=r"lang: .*set it with --set lang="):
        command("fix", place, "--set", "title=still wrong")
    assert "was published as document" in command("fix", place, "--set", "lang=en")
    found = [codec.decode(Document, value) for _, value in documents(kafka_address) if b'"mended"' in value]
    assert [(each.lang, each.title) for each in found] == [("en", "mended")]
    with pytest.raises(UserError, match="was replayed already"):
        command("fix", place, "--set", "lang=en")


def test_an_item_that_never_became_a_document_is_mended_into_one(
    bury: Callable[..., str], command: Callable[..., str], kafka_address: str
) -> None:
    raw = orjson.dumps({"source": "feed", "id": "7", "title": "", "published": "2022-11-08T12:00:00Z", "kind": "news"})
    place = bury(letter(raw, "item", stage="ingest", reason="empty"))
    with pytest.raises(UserError, match="never became a document"):
        command("replay", place)
    with pytest.raises(UserError, match="still cannot be used: empty"):
        command("fix", place)
    command("fix", place, "--set", "title=Now it has one")
    (document,) = [codec.decode(Document, v) for _, v in documents(kafka_address) if b"Now it has one" in v]
    assert (document.source, document.published_ms, document.story) == ("feed", NOON, document.id)


def test_what_was_not_kept_whole_is_fetched_anew_or_given_whole(
    bury: Callable[..., str], command: Callable[..., str], kafka_address: str, tmp_path: Path
) -> None:
    place = bury(letter(b'{"title": "' + b"x" * 100_000, "large"))
    for way in (("replay", place), ("fix", place, "--set", "title=x")):
        with pytest.raises(UserError, match="only the first 64 KiB"):
            command(*way)
    (tmp_path / "whole.json").write_bytes(orjson.dumps(GOOD | {"title": "given whole"}))
    command("fix", place, "--with", str(tmp_path / "whole.json"))
    assert any(b"given whole" in value for _, value in documents(kafka_address))
