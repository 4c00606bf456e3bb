"""`tocsin sources`: check, add, list and test what `sources.yaml` names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.settings import Ingest, read_settings
from ingest.source_kinds import LiveSpec, PushSource, ReplaySource, SourceSpec
from ingest.sources_file import catalogue, read_sources

app = typer.Typer(add_completion=False, help="What sources.yaml names: check, list, add, test.", no_args_is_help=True)
FileOption = Annotated[Path, typer.Option("--file", help="The file; sources.yaml here by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per source.")]
FILE = Path("sources.yaml")
SHOWN = 5
TEST_S = 60.0


@app.command("check")
def check(file: FileOption = FILE) -> None:
    """Read the file; a mistake names its source, its field and what to do. Nothing is contacted."""
    sources = read_sources(file)
    missing: list[str] = []
    for source in sources:
        try:
            _demand_secrets(source)
        except UserError as error:
            missing.append(str(error))
        if isinstance(source, ReplaySource) and not source.path.is_file():
            missing.append(f"source {source.name!r}, path: there is no file {source.path}")
    if missing:
        raise UserError(f"{file}: " + "; ".join(missing))
    live = sum(isinstance(source, LiveSpec) for source in sources)
    typer.echo(f"{file}: {len(sources)} sources, {live} of them live; all can be used")


@app.command("list")
def list_sources(
    file: FileOption = FILE,
    from_catalogue: Annotated[
        bool, typer.Option("--catalogue", help="The ready sources instead of the file's.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Only those in this language (en, zh).")] = None,
    as_json: JsonOption = False,
) -> None:
    """The sources of the file, or those that are ready to be added."""
    rows = (
        [_ready(row) for row in catalogue().values()] if from_catalogue else [_row(each) for each in read_sources(file)]
    )
    rows = [row for row in rows if language in (None, row["language"])]
    if as_json:
        for row in rows:
            typer.echo(orjson.dumps(row).decode())
        return
    columns = (
        ["name", "kind", "language", "about", "terms"] if from_catalogue else ["name", "kind", "language", "address"]
    )
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console().print(table)
    if from_catalogue:
        Console().print("None of them is contacted before it is added: tocsin sources add NAME", highlight=False)


@app.command("add")
def add(
    names: Annotated[list[str], typer.Argument(help="As `tocsin sources list --catalogue` shows them.")],
    file: FileOption = FILE,
) -> None:
    """Add ready sources to the file."""
    ready = catalogue()
    unknown = [name for name in names if name not in ready]
    if unknown:
        raise UserError(f"there is no ready source {unknown[0]!r}; `tocsin sources list --catalogue` shows them")
    there = {source.name for source in read_sources(file)}
    repeated = [name for name in names if name in there]
    if repeated:
        raise UserError(f"{file} has a source {repeated[0]!r} already")
    before = file.read_text(encoding="utf-8")
    file.write_text(_with(before, names), encoding="utf-8")
    try:
        read_sources(file)
    except UserError as error:
        file.write_text(before, encoding="utf-8")
        raise UserError(
            f"{file} is laid out so that nothing can be added to it; write `- catalogue: {names[0]}` yourself"
        ) from error
    for name in names:
        typer.echo(f"added {name}: {ready[name]['about']} ({ready[name]['terms']})")
    typer.echo("Next: tocsin down && tocsin up")


@app.command("test")
def look_once(
    name: Annotated[str, typer.Argument(help="A source of the file, or of the catalogue.")],
    file: FileOption = FILE,
    as_json: JsonOption = False,
) -> None:
    """Look at a source once and show what it would publish. Nothing is published, and nothing is remembered."""
    source = _named(name, file)
    if isinstance(source, PushSource):
        raise UserError(
            f"{name!r} is a push source: bring it a document with POST http://{source.host}:{source.port}/v1/documents"
        )
    if isinstance(source, ReplaySource):
        raise UserError(f"{name!r} is a replay: `tocsin backtest {source.path}` reads it")
    drafts, dead, note = asyncio.run(_look(source))
    if as_json:
        for draft in drafts:
            typer.echo(orjson.dumps(draft).decode())
        return
    console = Console()
    for draft in drafts[-SHOWN:]:
        console.print(
            f"[bold]{draft['published']}[/bold] {draft['lang']} {draft['title'] or draft['body'][:120]}",
            highlight=False,
        )
    console.print(f"{name}: {len(drafts)} documents, {len(dead)} that cannot be used. {note}".rstrip(), highlight=False)
    for reason in dead[:SHOWN]:
        console.print(f"  {reason}", highlight=False, markup=False)


async def _look(source: LiveSpec) -> tuple[list[dict[str, Any]], list[str], str]:
    """What one look at a source brings: drafts as JSON, why others are dead, and what its operator should know.

    Raises:
        UserError: it cannot be read; with the reason.
    """
    from datetime import UTC, datetime

    from contracts.errors import Rejected
    from ingest.addresses import read_networks
    from ingest.fetch import Fetcher
    from ingest.live_sources import Door, make
    from ingest.normalise import normalise
    from ingest.port import SourceTrouble

    settings, clock = read_settings().ingest, WallClock()
    fetcher = Fetcher(clock, read_networks(settings.private_networks), contact=settings.contact)
    port = make(source, fetcher, settings, os.environ, clock)
    if isinstance(port, Door):
        raise UserError(f"{source.name!r} is not looked at: others come to it")
    try:
        async with asyncio.timeout(TEST_S):
            polled = await port.poll(clock.wall_ms(), {})
    except SourceTrouble as trouble:
        raise UserError(f"{source.name}: {trouble.detail} ({trouble.reason})") from trouble
    except TimeoutError as error:
        raise UserError(f"{source.name}: no answer within {TEST_S:.0f} s") from error
    finally:
        await port.close()
        await fetcher.close()
    dead = [f"{each.rejected.reason}: {each.rejected.detail}" for each in polled.dead]
    drafts: list[dict[str, Any]] = []
    for item in polled.items:
        try:
            draft, changes = normalise(item, settings.author_key.get_secret_value().encode())
        except Rejected as rejected:
            dead.append(str(rejected))
            continue
        when = datetime.fromtimestamp(draft.published_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        drafts.append(
            {"id": draft.id, "published": when, "kind": draft.kind, "lang": draft.lang, "title": draft.title,
             "body": draft.body, "url": draft.url, "changed": changes}
        )  # fmt: skip
    return drafts, dead, polled.note


def _named(name: str, file: Path) -> SourceSpec:
    sources = {source.name: source for source in read_sources(file)} if file.is_file() else {}
    if name in sources:
        return sources[name]
    if name in catalogue():
        from ingest.source_kinds import KINDS

        row = catalogue()[name]
        return KINDS[row["kind"]].model_validate(
            {key: value for key, value in row.items() if key not in ("about", "terms")}
        )
    raise UserError(f"there is no source {name!r} in {file}, nor in the catalogue; `tocsin sources list` shows them")


def _demand_secrets(source: SourceSpec) -> None:
    """Raises UserError when a secret that a source names is not there."""
    from ingest.fetch import Fetcher
    from ingest.live_sources import make

    if not isinstance(source, LiveSpec):
        return

    async def compose() -> None:
        fetcher = Fetcher(WallClock())
        try:
            make(source, fetcher, Ingest(), os.environ, WallClock())
        finally:
            await fetcher.close()

    asyncio.run(compose())


def _row(source: SourceSpec) -> dict[str, Any]:
    address = source.path if isinstance(source, ReplaySource) else getattr(source, "url", "")
    if isinstance(source, PushSource):
        address = f"http://{source.host}:{source.port}/v1/documents"
    return {
        "name": source.name,
        "kind": source.kind,
        "language": getattr(source, "language", "") or "",
        "address": str(address),
    }


def _ready(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"], "kind": row["kind"], "language": row.get("language", ""), "about": row["about"],
        "terms": row["terms"], "address": row["url"],
    }  # fmt: skip


def _with(text: str, names: list[str]) -> str:
    """The file's text with ready sources in it, its comments untouched."""
    lines = text.splitlines()
    entries = [f"  - catalogue: {name}" for name in names]
    for number, line in enumerate(lines):
        if line.startswith("sources:"):
            if line.removeprefix("sources:").partition("#")[0].strip() == "[]":
                lines[number] = line.replace("[]", "").rstrip()
            return "\n".join([*lines[: number + 1], *entries, *lines[number + 1 :]]) + "\n"
    raise UserError("the file has no line `sources:`")
