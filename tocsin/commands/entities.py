"""`tocsin entities`: who is watched, and what is found in a text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.errors import UserError
from contracts.messages import RELEVANCE_COUNTED, Mention
from contracts.watchlist import WatchedEntity, read_watchlist, shipped_watchlists, watchlist_version
from ingest.link import Finding, Linker
from text.normalise import clean
from tocsin.commands.options import JsonOption

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Who is watched, and what is found in a text.")

WatchlistOption = Annotated[
    str | None,
    typer.Option(
        "--watchlist",
        metavar="FILE",
        help="A watchlist's file, or the name of one that ships (world); default: watchlist.yaml here, else the starter.",
    ),
]


@app.command()
def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A text; its first line is the title. - reads it.")],
    watchlist: WatchlistOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every place where a watched name stands in a text, and the rule that kept or dropped it."""
    title, _, body = clean(sys.stdin.read() if text == "-" else text).partition("\n")
    if not title:
        raise UserError('nothing to explain: give a text, as in `tocsin entities explain "Apple sues Meta"`')
    entities = _read(watchlist)
    linker = Linker(entities)
    findings, mentions = linker.explain(title, body), linker.link(title, body)
    if as_json:
        sys.stdout.write(json.dumps(as_object(title, body, findings, mentions), ensure_ascii=False) + "\n")
        return
    _print(f"{title}\n{body}", findings, mentions)


@app.command("list")
def list_entities(
    wanted: Annotated[str, typer.Argument(metavar="[WORD]", help="Only those with this in a name, ticker or id.")] = "",
    watchlist: WatchlistOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who is watched."""
    entities = _read(watchlist)
    shown = [entity for entity in entities if wanted.casefold() in _all_names(entity)]
    if as_json:
        for entity in shown:
            sys.stdout.write(json.dumps(entity.model_dump(), ensure_ascii=False) + "\n")
        return
    table = Table("id", "name", "tickers", "also", "session")
    for entity in shown:
        also = ", ".join((*entity.aliases, *entity.products))
        table.add_row(entity.id, escape(entity.name), ", ".join(entity.tickers), escape(also), entity.session)
    console = Console()
    console.print(table)
    console.print(f"{len(shown)} of {len(entities)}; version {watchlist_version(entities)}")


def as_object(title: str, body: str, findings: list[Finding], mentions: list[Mention]) -> dict[str, Any]:
    """The JSON of an explanation: places in title, newline, body."""
    text = f"{title}\n{body}"
    return {
        "title": title,
        "body": body,
        "places": [
            {
                "start": one.start,
                "end": one.end,
                "text": text[one.start : one.end],
                "entity": one.entity,
                "matched": one.written,
                "kind": one.kind,
                "kept": one.kept,
                "rule": one.rule,
            }
            for one in findings
        ],
        "mentions": [
            {
                "entity": mention.entity,
                "relevance": mention.relevance,
                "counted": mention.relevance >= RELEVANCE_COUNTED,
                "session": mention.session,
                "spans": mention.spans,
            }
            for mention in mentions
        ],
    }


def _read(given: str | None) -> list[WatchedEntity]:
    if given:
        return read_watchlist(shipped_watchlists().get(given) or Path(given))
    here = Path("watchlist.yaml")
    return read_watchlist(here if here.exists() else Path(__file__).parents[1] / "templates" / "watchlist.yaml")


def _all_names(entity: WatchedEntity) -> str:
    return "\n".join((entity.id, entity.name, *entity.aliases, *entity.products, *entity.tickers)).casefold()


def _print(text: str, findings: list[Finding], mentions: list[Mention]) -> None:
    console = Console()
    if not findings:
        console.print("No watched name stands in it.")
        return
    places = Table("place", "text", "entity", "matched", "", "rule")
    for one in findings:
        kept = "[green]kept[/green]" if one.kept else "[red]dropped[/red]"
        places.add_row(
            f"{one.start}-{one.end}", escape(text[one.start : one.end]), one.entity,
            f"{escape(one.written)} ({one.kind})", kept, one.rule,
        )  # fmt: skip
    console.print(places)
    if mentions:
        found = Table("entity", "relevance", "session", "")
        for mention in mentions:
            counted = "" if mention.relevance >= RELEVANCE_COUNTED else f"shown, not counted: below {RELEVANCE_COUNTED}"
            found.add_row(mention.entity, str(mention.relevance), mention.session, counted)
        console.print(found)
