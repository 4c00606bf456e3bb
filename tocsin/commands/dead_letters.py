"""`tocsin dead-letters`: list, show, fix, replay and drop what stages could not use."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from contracts import codec
from contracts.errors import UserError
from contracts.settings import read_settings
from contracts.topics import DEAD, DOCUMENTS, dead_letters
from contracts.watchlist import read_watchlist
from ingest.dates import parse_time_ms
from tocsin.dead_letters import Choice, Found, document_of, drop, mended, publish, read_letters

app = typer.Typer(
    add_completion=False, help="What stages could not use: list, show, fix, replay, drop.", no_args_is_help=True
)
KafkaOption = Annotated[
    str | None, typer.Option("--kafka", help="host:port of the broker; default: the local stack's.")
]
TopicOption = Annotated[str | None, typer.Option(help="Only those of this topic.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only those with this reason.")]
SourceOption = Annotated[str | None, typer.Option(help="Only those of this source.")]
SinceOption = Annotated[str | None, typer.Option(help="Only those that died at this time or later: 2026-11-22T09:00Z.")]
UntilOption = Annotated[str | None, typer.Option(help="Only those that died before this time.")]
PlacesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="As `list` shows them: topic/partition/offset; without any, all that options choose."),
]


@app.command("list")
def list_letters(
    topic: TopicOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that were replayed or dropped as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per dead letter.")] = False,
    kafka: KafkaOption = None,
) -> None:
    """A line for each dead letter, and how many there are per reason."""
    choice = replace(_choice(reason, source, since, until), handled_too=everything)
    letters = [found for found in read_letters(_bootstrap(kafka), _topics(topic)) if choice.takes(found)]
    if as_json:
        for found in letters:
            line = found.letter.model_dump(mode="json", exclude={"value"})
            typer.echo(orjson.dumps(line | {"place": found.place, "handled": found.handled}).decode())
        return
    console = Console()
    if not letters:
        console.print("No dead letters.")
        return
    table = Table(
        "place", "when", "stage", "reason", "source", "came from", "bytes", "detail", box=None, pad_edge=False
    )
    for found in letters:
        letter = found.letter
        came_from = f"{letter.topic}/{letter.partition}/{letter.offset}" if letter.partition >= 0 else "never published"
        detail = f"({found.handled}) {letter.detail}" if found.handled else letter.detail
        table.add_row(
            found.place, _when(letter.at_ms), letter.stage, letter.reason, letter.source, came_from, str(letter.size),
            detail[:80],
        )  # fmt: skip
    console.print(table)
    counts = Counter(found.letter.reason for found in letters)
    console.print(f"{len(letters)} dead letters: " + ", ".join(f"{n} {why}" for why, n in counts.most_common()))


@app.command("show")
def show(
    place: Annotated[str, typer.Argument(help="As `list` shows it: topic/partition/offset.")],
    kafka: KafkaOption = None,
) -> None:
    """One dead letter, whole: why it died, and what it was."""
    found = _at(place, _bootstrap(kafka))
    console = Console()
    for name, value in (found.letter.model_dump(exclude={"value"}) | {"handled": found.handled}).items():
        console.print(f"[bold]{name}[/bold]: {value}", highlight=False)
    console.print(f"[bold]value[/bold] ({len(found.value)} of {found.letter.size} bytes kept):")
    console.print(found.value.decode("utf-8", "backslashreplace"), markup=False, highlight=False)


@app.command("fix")
def fix(
    place: Annotated[str, typer.Argument(help="As `list` shows it: topic/partition/offset.")],
    changes: Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE; several are allowed.")] = None,
    whole: Annotated[Path | None, typer.Option("--with", help="A file with the whole document as JSON.")] = None,
    kafka: KafkaOption = None,
) -> None:
    """Mend one dead document and publish it; it is checked before, and nothing is published that would die again."""
    bootstrap = _bootstrap(kafka)
    found = _at(place, bootstrap)
    _demand_documents([found])
    if found.handled:
        raise UserError(f"{place} was {found.handled} already")
    if whole is not None:
        document = document_of(_json_file(whole), str(whole))
    else:
        settings = read_settings().ingest
        watchlist = read_watchlist(settings.watchlist) if settings.watchlist.is_file() else []
        document = mended(found, _fields(changes or []), watchlist, settings.author_key.get_secret_value().encode())
    publish(bootstrap, [(found, document.id.encode(), codec.encode(document))])
    Console().print(f"{place} was published as document {document.id}.", highlight=False)


@app.command("replay")
def replay(
    places: PlacesArgument = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kafka: KafkaOption = None,
) -> None:
    """Publish dead documents to `documents` again, where they get a new place in the log."""
    bootstrap = _bootstrap(kafka)
    chosen = _chosen(bootstrap, [dead_letters(DOCUMENTS.name)], places, _choice(reason, source, since, until))
    _demand_documents(chosen)
    never = [found.place for found in chosen if found.letter.partition < 0]
    if never:
        raise UserError(
            f"{', '.join(never[:5])} never became a document, so that it would die again: mend it with `tocsin dead-letters "
            "fix PLACE --set FIELD=VALUE`, or mend its source, which brings it again"
        )
    cut = [found.place for found in chosen if not found.whole]
    if cut:
        raise UserError(
            f"only the first 64 KiB of {', '.join(cut[:5])} were kept, so it cannot be replayed: fetch it anew"
        )
    publish(bootstrap, [(found, found.raw_key, found.value) for found in chosen])
    Console().print(f"{len(chosen)} documents published again.")


@app.command("drop")
def drop_letters(
    places: PlacesArgument = None,
    topic: TopicOption = None,
    reason: ReasonOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kafka: KafkaOption = None,
) -> None:
    """Say that dead letters need nothing more: they are listed no more, but with --all, until Kafka forgets them."""
    bootstrap = _bootstrap(kafka)
    chosen = _chosen(bootstrap, _topics(topic), places, _choice(reason, source, since, until))
    drop(bootstrap, chosen)
    Console().print(f"{len(chosen)} dead letters dropped.")


def _chosen(bootstrap: str, topics: list[str], places: list[str] | None, choice: Choice) -> list[Found]:
    """The letters that places name, or else that the choice takes.

    Raises:
        UserError: neither says which, or a place is none.
    """
    if not places and choice == Choice():
        raise UserError(
            "say which: places as `tocsin dead-letters list` shows them, or --reason, --source, --since or --until"
        )
    letters = read_letters(bootstrap, topics)
    if not places:
        return [found for found in letters if choice.takes(found)]
    missing = set(places) - {found.place for found in letters}
    if missing:
        raise UserError(
            f"no dead letter at {', '.join(sorted(missing))}; only those of {', '.join(topics)} can be meant"
        )
    named = [found for found in letters if found.place in places]
    again = [f"{found.place} was {found.handled} already" for found in named if found.handled]
    if again:
        raise UserError("; ".join(again[:5]))
    return named


def _demand_documents(letters: list[Found]) -> None:
    others = [found.place for found in letters if not found.place.startswith(dead_letters(DOCUMENTS.name))]
    if others:
        raise UserError(f"{others[0]} is no dead document; only documents can be published again")


def _at(place: str, bootstrap: str) -> Found:
    topic, _, rest = place.partition("/")
    for found in read_letters(bootstrap, _topics(topic)):
        if found.place == place:
            return found
    raise UserError(
        f"there is no dead letter at {place!r}; `tocsin dead-letters list` shows the places ({rest or '?'})"
    )


def _choice(reason: str | None, source: str | None, since: str | None, until: str | None) -> Choice:
    return Choice(reason, source, _ms("--since", since), _ms("--until", until))


def _ms(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    when = parse_time_ms(text)
    if when is None:
        raise UserError(f"{option} {text}: is no time; write one like 2026-11-22T09:00Z")
    return when


def _fields(changes: list[str]) -> dict[str, Any]:
    """FIELD=VALUE pairs; a value that is JSON is what it says, any other a text."""
    fields: dict[str, Any] = {}
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign or not name:
            raise UserError(f"--set {change}: write FIELD=VALUE")
        try:
            fields[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            fields[name] = value
    return fields


def _json_file(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UserError(f"{path}: no JSON: {error}") from error


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
