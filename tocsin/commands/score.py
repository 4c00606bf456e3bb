"""`tocsin score`: what a bundle says of a text."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.errors import UserError
from inference.bundle import shipped
from inference.scoring import Scored, Scorer, TextToScore, load_scorer
from text.language import language
from tocsin.commands.options import JsonOption

app = typer.Typer(add_completion=False)

LANGUAGES = ("en",)
TEXTS_AT_ONCE = 256
SHORT = {"negative": "neg", "neutral": "neu", "positive": "pos"}


@app.command()
def score(
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="Texts to score.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Score each line of a file; - reads standard input.")
    ] = None,
    bundle: Annotated[
        str, typer.Option("--bundle", metavar="FOLDER", help="A bundle's folder instead of the shipped one.")
    ] = "",
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="CODE", help="The texts' language, when it is not to be guessed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score texts: topic, sentiment, and how sure the bundle is."""
    lines = [*(texts or []), *(_lines(file) if file else [])]
    if not lines:
        raise UserError('nothing to score: give a text, as in `tocsin score "Lender halts withdrawals"`, or --file')
    if bundle and bundle != "deterministic" and not Path(bundle).is_dir():
        raise UserError(f"--bundle {bundle}: no such folder; the shipped one is {shipped('en')}")
    scorer = load_scorer(dict.fromkeys(LANGUAGES, bundle))
    console = Console()
    table = _table()
    for start in range(0, len(lines), TEXTS_AT_ONCE):
        part = lines[start : start + TEXTS_AT_ONCE]
        for text, result in zip(part, _score(scorer, part, lang), strict=True):
            if as_json:
                sys.stdout.write(json.dumps(as_object(text, result), ensure_ascii=False) + "\n")
            else:
                _add_row(table, text, result)
    if not as_json:
        console.print(table)


def as_object(text: str, result: Scored) -> dict[str, Any]:
    """The JSON of one text: likeliest labels, every probability, or why there are none."""
    if result.reason is not None:
        return {"text": text, "rejected": result.reason, "detail": result.detail}
    return {
        "text": text,
        "bundle": result.bundle,
        "topic": _likeliest(result.topic),
        "sentiment": _likeliest(result.sentiment),
        "probabilities": {"topic": _rounded(result.topic), "sentiment": _rounded(result.sentiment)},
    }


def _lines(file: Path) -> list[str]:
    try:
        content = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--file {file}: {error}") from None
    return content.splitlines()


def _score(scorer: Scorer, texts: Sequence[str], lang: str | None) -> list[Scored]:
    return scorer.score([TextToScore(str(n), lang or language(text), text) for n, text in enumerate(texts)])


def _likeliest(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda label: probabilities[label])


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {label: round(p, 4) for label, p in probabilities.items()}


def _table() -> Table:
    table = Table()
    table.add_column("text", overflow="fold")
    table.add_column("topic", min_width=17)
    table.add_column("sentiment", no_wrap=True)
    for label in SHORT.values():
        table.add_column(label, justify="right", no_wrap=True)
    return table


def _add_row(table: Table, text: str, result: Scored) -> None:
    shown = escape(text if len(text) <= 200 else f"{text[:199]}…")
    if result.reason is not None:
        table.add_row(shown, f"[dim]not scored: {escape(result.detail)}[/dim]")
        return
    topic = _likeliest(result.topic)
    colours = {"negative": "red", "neutral": "default", "positive": "green"}
    sentiment = _likeliest(result.sentiment)
    table.add_row(
        shown,
        f"{topic} {result.topic[topic]:.2f}",
        f"[{colours[sentiment]}]{sentiment}[/]",
        *(f"{result.sentiment[label]:.2f}" for label in SHORT),
    )
