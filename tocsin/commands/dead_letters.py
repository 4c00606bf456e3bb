"""`tocsin dead-letters`: list, show and replay what stages could not use."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from contracts import codec
from contracts.errors import Rejected, UserError
from contracts.messages import DeadLetter
from contracts.settings import read_settings
from contracts.topics import DEAD, DOCUMENTS, dead_letters

app = typer.Typer(add_completion=False, help="What stages could not use: list, show, replay.", no_args_is_help=True)
IDLE_MS = 300  # a topic is read to its known end; this only bounds one poll
KafkaOption = Annotated[
    str | None, typer.Option("--kafka", help="host:port of the broker; default: the local stack's.")
]


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and the place it lies at: `topic/partition/offset`."""

    place: str
    letter: DeadLetter
    raw_key: bytes | None


def read_letters(bootstrap: str, topics: list[str]) -> Iterator[Found]:
    """Every dead letter of the topics, oldest first per topic."""
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
                    for record in records:
                        yield _found(record)
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


def _bootstrap(given: str | None) -> str:
    return given or read_settings().kafka.bootstrap


def _topics(topic: str | None) -> list[str]:
    names = [spec.name for spec in DEAD]
    if topic is None:
        return names
    name = topic if topic.endswith(".dead") else dead_letters(topic)
    if name not in names:
        raise UserError(f"there are no dead letters of {topic!r}; topics are {', '.join(n[:-5] for n in names)}")
    return [name]


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "-"


@app.command("list")
def list_letters(
    topic: Annotated[str | None, typer.Option(help="Only those of this topic.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per dead letter.")] = False,
    kafka: KafkaOption = None,
) -> None:
    """A line for each dead letter, and how many there are per reason."""
    console = Console()
    letters = [
        found for found in read_letters(_bootstrap(kafka), _topics(topic)) if reason in (None, found.letter.reason)
    ]
    if as_json:
        for found in letters:
            line = found.letter.model_dump(mode="json", exclude={"value"}) | {"place": found.place}
            typer.echo(orjson.dumps(line).decode())
        return
    if not letters:
        console.print("No dead letters.")
        return
    table = Table("place", "when", "stage", "reason", "came from", "bytes", "detail", box=None, pad_edge=False)
    for found in letters:
        letter = found.letter
        table.add_row(
            found.place, _when(letter.at_ms), letter.stage, letter.reason,
            f"{letter.topic}/{letter.partition}/{letter.offset}", str(letter.size), letter.detail[:80],
        )  # fmt: skip
    console.print(table)
    counts = Counter(found.letter.reason for found in letters)
    console.print(f"{len(letters)} dead letters: " + ", ".join(f"{n} {why}" for why, n in counts.most_common()))


def _at(place: str, bootstrap: str) -> Found:
    topic, _, rest = place.partition("/")
    for found in read_letters(bootstrap, _topics(topic)):
        if found.place == place:
            return found
    raise UserError(
        f"there is no dead letter at {place!r}; `tocsin dead-letters list` shows the places ({rest or '?'})"
    )


@app.command("show")
def show(
    place: Annotated[str, typer.Argument(help="As `list` shows it: topic/partition/offset.")],
    kafka: KafkaOption = None,
) -> None:
    """One dead letter, whole: why it died, and what it was."""
    found = _at(place, _bootstrap(kafka))
    console = Console()
    for name, value in found.letter.model_dump(exclude={"value"}).items():
        console.print(f"[bold]{name}[/bold]: {value}", highlight=False)
    value = base64.b64decode(found.letter.value)
    console.print(f"[bold]value[/bold] ({len(value)} of {found.letter.size} bytes kept):")
    console.print(value.decode("utf-8", "backslashreplace"), markup=False, highlight=False)


@app.command("replay")
def replay(
    places: Annotated[list[str] | None, typer.Argument(help="Which; without any, all that --reason selects.")] = None,
    reason: Annotated[str | None, typer.Option(help="All with this reason.")] = None,
    kafka: KafkaOption = None,
) -> None:
    """Publish dead documents to `documents` again, where they get a new place in the log."""
    bootstrap = _bootstrap(kafka)
    if not places and reason is None:
        raise UserError("say which: places as `tocsin dead-letters list` shows them, or --reason R for all of a reason")
    chosen = [
        found
        for found in read_letters(bootstrap, [dead_letters(DOCUMENTS.name)])
        if (found.place in places if places else found.letter.reason == reason)
    ]
    missing = set(places or ()) - {found.place for found in chosen}
    if missing:
        raise UserError(f"no dead document at {', '.join(sorted(missing))}; only documents can be replayed")
    cut = [found.place for found in chosen if len(base64.b64decode(found.letter.value)) < found.letter.size]
    if cut:
        raise UserError(f"only the first 64 KiB of {', '.join(cut)} were kept, so it cannot be replayed: fetch it anew")
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", enable_idempotence=True)
    futures = [
        producer.send(DOCUMENTS.name, key=found.raw_key, value=base64.b64decode(found.letter.value)) for found in chosen
    ]
    producer.flush()
    for future in futures:
        future.get(timeout=30)
    producer.close()
    Console().print(f"{len(chosen)} documents published again.")
