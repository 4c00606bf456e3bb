"""Dead letters read back, mended and published again.

A dead letter that was replayed, fixed or dropped is marked in its own topic: a record without a value whose headers say which
one and what was done. So a second replay publishes nothing twice, and everybody sees the same list.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import ValidationError

from contracts import codec
from contracts.errors import Rejected, UserError
from contracts.messages import DeadLetter, Document
from contracts.topics import DOCUMENTS
from contracts.watchlist import WatchedEntity
from ingest.cluster import Place
from ingest.normalise import Item
from ingest.pipeline import Pipeline

IDLE_MS = 300  # a topic is read to its known end; this only bounds one poll
HANDLED, HOW = "handled", "how"  # headers of a mark: `topic/partition/offset`, and what was done
DROPPED, REPLAYED = "dropped", "replayed"


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and the place it lies at: `topic/partition/offset`.

    Attributes:
        handled: what was done with it; empty while it waits.
    """

    place: str
    letter: DeadLetter
    raw_key: bytes | None
    handled: str = ""

    @property
    def value(self) -> bytes:
        """What is kept of it: its first 64 KiB."""
        return base64.b64decode(self.letter.value)

    @property
    def whole(self) -> bool:
        """Whether all of it was kept."""
        return len(self.value) >= self.letter.size


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant; what is empty does not choose."""

    reason: str | None = None
    source: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    handled_too: bool = False

    def takes(self, found: Found) -> bool:
        """Whether it is one of them."""
        letter = found.letter
        return (
            self.reason in (None, letter.reason)
            and self.source in (None, letter.source)
            and (self.since_ms is None or letter.at_ms >= self.since_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
            and (self.handled_too or not found.handled)
        )


def read_letters(bootstrap: str, topics: Sequence[str]) -> list[Found]:
    """Every dead letter of the topics, oldest first per topic."""
    found: list[Found] = []
    handled: dict[str, str] = {}
    for record in _records(bootstrap, topics):
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers or ()}
        if record.value is None and HANDLED in headers:
            handled[headers[HANDLED]] = headers.get(HOW, "handled")
        else:
            found.append(_found(record))
    return [Found(each.place, each.letter, each.raw_key, handled.get(each.place, "")) for each in found]


def _records(bootstrap: str, topics: Sequence[str]) -> Iterator[Any]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)
    try:
        for topic in topics:
            partitions = [
                TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            if not partitions:
                continue
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                for records in consumer.poll(timeout_ms=IDLE_MS).values():
                    yield from records
    finally:
        consumer.close()


def _found(record: Any) -> Found:
    place = f"{record.topic}/{record.partition}/{record.offset}"
    try:
        letter = codec.decode(DeadLetter, record.value, record.headers)
    except Rejected as error:
        letter = DeadLetter(
            topic=record.topic, partition=record.partition, offset=record.offset, stage="?", reason="unreadable",
            detail=str(error), value=base64.b64encode(record.value or b"").decode(), size=len(record.value or b""),
        )  # fmt: skip
    return Found(place, letter, record.key)


def publish(bootstrap: str, letters: Sequence[tuple[Found, bytes | None, bytes]]) -> None:
    """Publish to `documents`, and when Kafka has them, mark their letters as replayed.

    Args:
        bootstrap: addresses of the brokers.
        letters: letter, key and value of each.
    """
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
    try:
        _wait(producer, [producer.send(DOCUMENTS.name, key=key, value=value) for _, key, value in letters])
        _wait(producer, [_mark(producer, found, REPLAYED) for found, _, _ in letters])
    finally:
        producer.close()


def drop(bootstrap: str, letters: Sequence[Found]) -> None:
    """Mark letters as dropped: they are listed no more. Kafka forgets them after 30 days, marked or not."""
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
    try:
        _wait(producer, [_mark(producer, found, DROPPED) for found in letters])
    finally:
        producer.close()


def _mark(producer: Any, found: Found, how: str) -> Any:
    topic, partition, _ = found.place.rsplit("/", 2)
    return producer.send(
        topic,
        key=found.raw_key,
        partition=int(partition),
        headers=[(HANDLED, found.place.encode()), (HOW, how.encode())],
    )


def _wait(producer: Any, futures: Sequence[Any]) -> None:
    producer.flush()
    for future in futures:
        future.get(timeout=30)


def mended(found: Found, changes: Mapping[str, Any], watchlist: Sequence[WatchedEntity], author_key: bytes) -> Document:
    """The document of a dead letter, with fields changed.

    Args:
        found: a letter of `documents`: a document that a stage could not read, or an item that ingest could not use.
        changes: field -> value.
        watchlist: an item is linked anew by it.
        author_key: key of the hash that stands for an author.

    Raises:
        UserError: it is still none; naming the field.
    """
    if not found.whole:
        raise UserError(f"only the first 64 KiB of {found.place} were kept, so it cannot be mended: fetch it anew")
    try:
        content = orjson.loads(found.value)
    except orjson.JSONDecodeError as error:
        raise UserError(
            f"{found.place} is no JSON ({error}), so no field of it can be set; give all of it with --with FILE"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{found.place} is no JSON object; give all of it with --with FILE")
    content |= changes
    if found.letter.stage == "ingest":
        return _from_item(found, content, watchlist, author_key)
    return document_of(content, found.place)


def document_of(content: Any, place: str) -> Document:
    """A document from its JSON.

    Raises:
        UserError: naming the field.
    """
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "message"
        raise UserError(f"{place}, {field}: {first['msg']}; set it with --set {field}=...") from error


def _from_item(
    found: Found, content: Mapping[str, Any], watchlist: Sequence[WatchedEntity], author_key: bytes
) -> Document:
    published = content.get("published", content.get("time"))

    def text(name: str) -> str:
        return str(content.get(name) or "")

    item = Item(
        source=text("source") or found.letter.source, fetched_ms=found.letter.at_ms, published=published, id=text("id"),
        url=text("url"), title=text("title"), body=text("body"), author=text("author"), lang=text("lang"), kind=text("kind"),
    )  # fmt: skip
    try:
        linked = Pipeline(watchlist, author_key=author_key).link(item)
    except Rejected as rejected:
        raise UserError(
            f"{found.place} still cannot be used: {rejected}; set its fields with --set FIELD=VALUE"
        ) from rejected
    # Its story began without it: it stands alone, as a late text does.
    return linked.document(Place(linked.draft.id, 1, repeat=False))
