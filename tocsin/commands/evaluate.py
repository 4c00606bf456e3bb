"""`tocsin evaluate`: how good a bundle is on a labelled file of the user's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from contracts.errors import UserError
from inference.scoring import load_scorer
from tocsin import bundles
from tocsin.judging import LABELS, Report, Task, answer, report_on
from tocsin.labelled import Columns, mostly_chinese, read_labelled, read_labels

app = typer.Typer(add_completion=False)

MATRIX_LABELS_MAX = 5  # a wider confusion matrix is not read in a terminal


@app.command()
def evaluate(
    task: Annotated[Task, typer.Argument(metavar="TASK", help="What to judge: sentiment, topic or entity.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV or JSONL, gzipped or not.")],
    text: Annotated[str, typer.Option("--text", metavar="COLUMN", help="Column of the text.")] = "text",
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="Column of the true label.")] = "label",
    entity: Annotated[
        str,
        typer.Option(
            "--entity", metavar="COLUMN", help="Task entity: column of the name, or in JSONL of {name: label}."
        ),
    ] = "entity",
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=VALUE", help="Read only such rows, as in split=test."),
    ] = None,
    renamed: Annotated[
        str, typer.Option("--map", metavar="OLD=NEW,...", help="The file's own labels: bearish=negative,0=negative")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="The first N rows only.")] = None,
    lang: Annotated[
        str, typer.Option("--lang", metavar="CODE", help="en or zh  [default: zh where most texts are Chinese]")
    ] = "",
    bundle: Annotated[
        str, typer.Option("--bundle", metavar="NAME", help="A bundle's folder, or en or zh for one that ships.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Measure a bundle on a labelled file: accuracy, F1, calibration, confusion, speed.

    Macro-F1 is the mean over the labels that occur in the file.
    """
    labels = LABELS[task]
    columns = Columns(text, label, entity if task is Task.ENTITY else None, _conditions(where or []))
    judged = read_labelled(file, columns, labels, read_labels(renamed, labels), limit)
    spoken = lang or ("zh" if mostly_chinese([one.text for one in judged]) else "en")
    scorer = load_scorer({spoken: _bundle(file, bundle, spoken, guessed=not lang)})
    with _progress(Console(stderr=True)) as progress:
        bar = progress.add_task(f"evaluate {file.name}", total=len({one.text for one in judged}))
        answers = answer(judged, task, scorer, spoken, done=lambda texts: progress.advance(bar, texts))
    report = report_on(task, judged, answers, spoken)
    if report is None:
        raise UserError(
            f"{file}: not one of its {len(judged)} texts can be scored; is {text!r} the column of the text?"
        )
    if as_json:
        sys.stdout.write(json.dumps(report.as_object(), ensure_ascii=False) + "\n")
    else:
        _print(Console(), report, file)


def _conditions(where: Sequence[str]) -> dict[str, str]:
    conditions = {}
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise UserError(f"--where: {condition!r} is not COLUMN=VALUE, as in split=test")
        conditions[column] = value
    return conditions


def _bundle(file: Path, name: str, lang: str, *, guessed: bool) -> str:
    """The bundle that judges a file in a language.

    Raises:
        UserError: there is none, or it does not read that language.
    """
    spoken = f"{file}: most texts are in {lang!r}" if guessed else f"--lang {lang}"
    if not name and lang not in bundles.shipped_names():
        ship = ", ".join(bundles.shipped_names())
        raise UserError(f"{spoken}, and no bundle for it ships (there are {ship}); name one with --bundle FOLDER")
    place = bundles.place_of(name or lang)
    reads = bundles.languages_of(place)
    if reads and lang not in reads:
        raise UserError(
            f"{spoken}, and bundle {name or lang} reads {', '.join(reads)}; --lang {reads[0]} judges it all the same"
        )
    return place


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} texts"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _print(console: Console, report: Report, file: Path) -> None:
    figures, labels = report.figures, report.labels
    matrix = len(labels) <= MATRIX_LABELS_MAX
    title = f"{report.task.value} of {file.name} by {report.answers.bundle} ({report.lang})"
    table = Table(title=escape(title), box=None, title_justify="left")
    table.add_column("label")
    for name in ("texts", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for heading in [f"said {label}" for label in labels] if matrix else ["most often taken for"]:
        table.add_column(heading, justify="right" if matrix else "left")
    for label, row in zip(labels, figures.confusion, strict=True):
        one = figures.per_class[label]
        if not one.n and not sum(said[labels.index(label)] for said in figures.confusion):
            continue
        cells = [str(n) for n in row] if matrix else [_taken_for(label, labels, row)]
        values = [f"{value:.3f}" for value in (one.precision, one.recall, one.f1)] if one.n else ["", "", ""]
        table.add_row(label, str(one.n), *values, *cells)
    console.print(table)
    facts = [
        f"{figures.n} judged",
        f"accuracy {figures.accuracy:.4f}",
        f"macro-F1 {figures.macro_f1:.4f}",
        f"ECE {figures.ece:.4f}",
        f"{report.texts_per_s:.0f} texts/s",
    ]
    console.print(", ".join(facts), highlight=False)
    if report.rejected:
        console.print(
            f"{report.rejected} could not be scored (empty or without words) and count nowhere", highlight=False
        )
    if report.answers.not_found:
        found = (
            f"{report.answers.not_found} entities do not occur in their texts; the text's own sentiment stands for them"
        )
        console.print(found, highlight=False)


def _taken_for(label: str, labels: Sequence[str], row: Sequence[int]) -> str:
    wrong = [(-n, other) for other, n in zip(labels, row, strict=True) if other != label and n]
    return ", ".join(f"{other} {-n}" for n, other in sorted(wrong)[:2])
