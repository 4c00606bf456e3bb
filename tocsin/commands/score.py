"""`tocsin score`: what a bundle says of a text, of the companies in it, and by which phrases."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from contracts.errors import UserError
from contracts.messages import Mention
from contracts.watchlist import read_watchlist
from inference.highlight import Phrase, highlight
from inference.scoring import Scored, Scorer, TextToScore, load_scorer
from ingest.link import Linker
from text.language import language
from tocsin import bundles
from tocsin.commands.options import JsonOption
from tocsin.texts import read_texts

app = typer.Typer(add_completion=False)

TEXTS_AT_ONCE = 256
TEXTS_AT_ONCE_WITH_PHRASES = 16  # each is scored once more for every phrase that is left out
SHOWN_CHARACTERS = 200
COLOURS = {"negative": "red", "neutral": "default", "positive": "green"}


@app.command()
def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts to score.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Score a file: a text a line, or CSV, TSV, JSONL by its name; - is stdin."
        ),
    ] = None,
    column: Annotated[
        str, typer.Option("--text", metavar="COLUMN", help="Column or field of the text in CSV, TSV or JSONL.")
    ] = "text",
    bundle: Annotated[
        str, typer.Option("--bundle", metavar="NAME", help="A bundle's folder, or en or zh for one that ships.")
    ] = "",
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="CODE", help="The texts' language, when it is not to be guessed.")
    ] = None,
    watchlist: Annotated[
        Path | None,
        typer.Option(
            "--watchlist", metavar="FILE", help="Whom to find  [default: ./watchlist.yaml, else the starter's]"
        ),
    ] = None,
    phrases: Annotated[
        bool, typer.Option("--phrases/--no-phrases", help="Show what carried the sentiment; costs 10 to 100 times.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Score texts: topic, sentiment, the companies and the sentiment towards each, and the phrases that carried it.

    A phrase's weight is how far the probability of the text's sentiment falls when the phrase is left out (occlusion).
    """
    # Bytes of the command line that are not UTF-8 arrive as halves of surrogate pairs, which nothing can print.
    given = [text.encode("utf-8", "replace").decode() for text in texts or []]
    lines = [*given, *(read_texts(file, column) if file else [])]
    if not lines:
        raise UserError('nothing to score: give a text, as in `tocsin score "Lender halts withdrawals"`, or --file')
    entities = read_watchlist(watchlist or _watchlist())
    langs = [lang or language(text) for text in lines]
    scorer = load_scorer(bundles.places_for(bundle, set(langs)))
    linker = Linker(entities)
    console, names = Console(), {entity.id: entity.name for entity in entities}
    table = Table("text", "topic", "sentiment", "companies", box=None, padding=(0, 2, 1, 0))
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    with _progress(Console(stderr=True), len(lines)) as progress:
        bar = progress.add_task("score", total=len(lines))
        for text, mentions, result, carried in _scored(scorer, linker, lines, langs, phrases=phrases):
            if as_json:
                sys.stdout.write(
                    json.dumps(as_object(text, result, mentions, names, carried), ensure_ascii=False) + "\n"
                )
            else:
                table.add_row(*_row(console, text, result, mentions, names, carried or []))
            progress.advance(bar)
    if not as_json:
        console.print(table)


def as_object(
    text: str,
    result: Scored,
    mentions: Sequence[Mention] = (),
    names: Mapping[str, str] | None = None,
    phrases: Sequence[Phrase] | None = None,
) -> dict[str, Any]:
    """The JSON of one text: likeliest labels, every probability, companies and phrases; or why there are none."""
    if result.reason is not None:
        return {"text": text, "rejected": result.reason, "detail": result.detail}
    said: dict[str, Any] = {
        "text": text,
        "bundle": result.bundle,
        "topic": _likeliest(result.topic),
        "sentiment": _likeliest(result.sentiment),
        "probabilities": {"topic": _rounded(result.topic), "sentiment": _rounded(result.sentiment)},
        "companies": [
            {
                "entity": mention.entity,
                "name": (names or {}).get(mention.entity, mention.entity),
                "sentiment": _likeliest(towards),
                "probabilities": _rounded(towards),
                "relevance": mention.relevance,
                "spans": mention.spans,
            }
            for mention, towards in zip(mentions, result.mentions, strict=True)
        ],
    }
    if phrases is not None:
        said["phrases"] = [{"text": p.text, "start": p.start, "end": p.end, "weight": p.weight} for p in phrases]
    return said


def _scored(
    scorer: Scorer, linker: Linker, texts: Sequence[str], langs: Sequence[str], *, phrases: bool
) -> Iterator[tuple[str, list[Mention], Scored, list[Phrase] | None]]:
    """Each text with its mentions, its result and what carried it."""
    at_once = TEXTS_AT_ONCE_WITH_PHRASES if phrases else TEXTS_AT_ONCE
    for start in range(0, len(texts), at_once):
        part, part_langs = texts[start : start + at_once], langs[start : start + at_once]
        mentions = [linker.link(text) for text in part]
        asked = [
            TextToScore("", lang, text, mentions=[mention.spans for mention in found])
            for text, lang, found in zip(part, part_langs, mentions, strict=True)
        ]
        results = scorer.score(asked)
        carried = _carried(scorer, asked, results) if phrases else [None] * len(part)
        yield from zip(part, mentions, results, carried, strict=True)


def _carried(scorer: Scorer, asked: Sequence[TextToScore], results: Sequence[Scored]) -> list[list[Phrase] | None]:
    """What carried the sentiment of each text that was scored; nothing for the others."""
    carried: list[list[Phrase] | None] = [None] * len(asked)
    for lang in sorted({text.lang for text in asked}):
        places = [n for n, text in enumerate(asked) if text.lang == lang and results[n].reason is None]

        def ask(shorter: Sequence[str], lang: str = lang) -> list[Mapping[str, float] | None]:
            return [s.sentiment or None for s in scorer.score([TextToScore("", lang, text) for text in shorter])]

        found = highlight([asked[n].title for n in places], [results[n].sentiment for n in places], ask)
        for place, phrases in zip(places, found, strict=True):
            carried[place] = phrases
    return carried


def _watchlist() -> Path:
    own = Path("watchlist.yaml")
    return own if own.is_file() else Path(str(files("tocsin") / "templates" / "watchlist.yaml"))


def _likeliest(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda label: probabilities[label])


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {label: round(p, 4) for label, p in probabilities.items()}


def _progress(console: Console, texts: int) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} texts"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or texts <= TEXTS_AT_ONCE_WITH_PHRASES,
    )


def _row(
    console: Console,
    text: str,
    result: Scored,
    mentions: Sequence[Mention],
    names: Mapping[str, str],
    phrases: Sequence[Phrase],
) -> tuple[str, ...]:
    if result.reason is not None:
        return f"{_shown(text, [], ('', ''))}\n[dim]not scored: {escape(result.detail)}[/dim]", "", "", ""
    sentiment = _likeliest(result.sentiment)
    colour = COLOURS.get(sentiment, "default")
    # Where there is no colour, what is marked must be seen in the characters.
    marks = (f"[bold {colour}]", "[/]") if console.color_system else ("*", "*")
    companies = [
        f"{escape(names.get(mention.entity, mention.entity))} {_verdict(towards)}"
        for mention, towards in zip(mentions, result.mentions, strict=True)
    ]
    topic = _likeliest(result.topic)
    return (
        _shown(text, phrases, marks),
        f"{topic}\n{result.topic[topic]:.2f}",
        _verdict(result.sentiment).replace(" ", "\n"),
        "\n".join(companies),
    )


def _verdict(sentiment: Mapping[str, float]) -> str:
    label = _likeliest(sentiment)
    return f"[{COLOURS.get(label, 'default')}]{label}[/] {sentiment[label]:.2f}"


def _shown(text: str, phrases: Sequence[Phrase], marks: tuple[str, str]) -> str:
    """The beginning of a text with its phrases marked, and the phrases that begin further down."""
    before, after = marks
    marked, at, below = "", 0, ""
    for phrase in sorted(phrases, key=lambda phrase: phrase.start):
        if phrase.start < SHOWN_CHARACTERS:
            end = min(phrase.end, SHOWN_CHARACTERS)
            marked += f"{escape(text[at : phrase.start])}{before}{escape(text[phrase.start : end])}{after}"
            at = end
        else:
            below += f" {before}{escape(phrase.text[:SHOWN_CHARACTERS])}{after} …"
    return marked + escape(text[at:SHOWN_CHARACTERS]) + (f"…{below}" if len(text) > SHOWN_CHARACTERS else "")
