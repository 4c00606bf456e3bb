"""`tocsin data`: the snapshot that training reads, the text that nobody labelled, the frozen tests."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.errors import UserError

if TYPE_CHECKING:
    from training.rows import Row
    from training.unlabelled import Unlabelled

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make what training reads.")

SNAPSHOTS = Path(".tocsin") / "snapshots"
UNLABELLED = Path(".tocsin") / "unlabelled.jsonl.gz"
CRYPTO, STOCKNET = "crypto_2022_en_3src", "stocknet_tweets"


@app.callback()
def data() -> None:
    """Make what training reads."""
    missing = [name for name in ("pyarrow", "tokenizers") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"this environment makes no snapshots, it has no {', '.join(missing)}: "
            "run `make train-env`, then `.venv-train/bin/tocsin data`"
        )


@app.command()
def build(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help=f"The snapshot's folder  [default: {SNAPSHOTS}/VERSION]")
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option("--labels", metavar="FILE", help="More labels, JSON lines; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as one JSON object.")] = False,
) -> None:
    """Turn the labelled sets into one snapshot in which nothing that trains repeats what measures."""
    from training import snapshot
    from training.frozen import FrozenChanged, read_frozen
    from training.sources import SourceInvalid

    console = Console(stderr=as_json)
    try:
        with _progress(console) as progress:
            rows = _rows(labels or [], progress)
            built = snapshot.build(rows, _held_out(), read_frozen(), _report(progress, "comparing texts"))
            folder = out or SNAPSHOTS / built.version
            snapshot.write(built, folder)
    except (SourceInvalid, FrozenChanged, snapshot.SnapshotInvalid, OSError) as error:
        raise UserError(str(error)) from None
    card = json.loads((folder / snapshot.CARD).read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **card}, ensure_ascii=False))
        return
    console.print(_table(card["sources"], f"snapshot {built.version}: {card['rows']:,} texts"))
    console.print(f"left out: {sum(built.left_out.values()):,} rows, each with its reason in {snapshot.PAGE}")
    console.print(f"snapshot: {folder}", soft_wrap=True)


@app.command()
def unlabelled(
    stocknet: Annotated[
        Path | None,
        typer.Option(
            "--stocknet", metavar="FILE", help="The tweets of StockNet: a CSV with ts and text, gzipped or not."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to write JSON lines, gzipped.")
    ] = UNLABELLED,
) -> None:
    """Write the texts of the streams, without the days of known events and what repeats a test."""
    from training.sources import finentity_texts, shipped
    from training.unlabelled import StreamInvalid, stream, usable

    console = Console()
    left_out = Counter[tuple[str, str]]()
    try:
        with _progress(console) as progress:
            texts, days = _crypto()
            if stocknet is not None:
                texts = [*texts, *stream(stocknet, STOCKNET, "text")]
            tested = [row.text for source in shipped().values() for row in source() if row.split == "test"]
            kept = usable(texts, tested + finentity_texts(), days, left_out, _report(progress, "comparing texts"))
        _write_lines(kept, out)
    except (StreamInvalid, OSError) as error:
        raise UserError(str(error)) from None
    for source, count in sorted(Counter(one.source for one in kept).items()):
        dropped = ", ".join(f"{n:,} {why}" for (name, why), n in sorted(left_out.items()) if name == source)
        console.print(f"{source}: {count:,} texts; left out: {dropped or 'none'}", soft_wrap=True)
    console.print(f"written: {out}", soft_wrap=True)


@app.command()
def freeze() -> None:
    """Write down the test texts of sources that have none written down, and which texts are left out because of tests.

    What is frozen stays as it is.
    """
    from training import frozen, left_out, snapshot
    from training.leak_free import LeftOut, merged
    from training.sources import SourceInvalid

    try:
        with _progress(Console()) as progress:
            rows = _rows([], progress)
            came = frozen.freeze(merged(rows, LeftOut()))
            built = snapshot.build(rows, _held_out(), frozen.read_frozen(), _report(progress, "comparing texts"))
            marks = left_out.marks_of(rows, built.rows)
            left_out.write_left_out(marks)
    except (SourceInvalid, frozen.FrozenChanged, snapshot.SnapshotInvalid, OSError) as error:
        raise UserError(str(error)) from None
    typer.echo(f"{came} test texts came to {frozen.FILE.name}; {left_out.FILE.name} names {len(marks)} texts")


def _held_out() -> dict[str, list[str]]:
    """Texts that are no rows and that nothing may repeat, by the reason that the card gives."""
    from training.sources import finentity_texts
    from training.unlabelled import held_out_texts

    return {
        "repeats a text of FinEntity": finentity_texts(),
        "repeats a headline of a held-out day": held_out_texts(*_crypto()),
    }


def _rows(labels: Sequence[Path], progress: Progress) -> list[Row]:
    from training.sources import labels_file, shipped

    rows: list[Row] = []
    given = {str(path): lambda path=path: labels_file(path) for path in labels}
    sources = {**shipped(), **given}
    task = progress.add_task("reading", total=len(sources))
    for name, source in sources.items():
        progress.update(task, description=f"reading {name}")
        rows += source()
        progress.advance(task)
    return rows


def _crypto() -> tuple[list[Unlabelled], dict[str, set[date]]]:
    from training.unlabelled import held_out_days, stream

    path = Path(str(files("tocsin") / "streams" / f"{CRYPTO}.csv.gz"))
    return list(stream(path, CRYPTO, "title")), held_out_days()


def _write_lines(kept: Sequence[Unlabelled], out: Path) -> None:
    text = io.StringIO()
    for one in kept:
        line = {"text": one.text, "lang": one.lang, "source": one.source, "day": one.day.isoformat()}
        text.write(json.dumps(line, ensure_ascii=False) + "\n")
    out.parent.mkdir(parents=True, exist_ok=True)
    half = out.with_name(f".{out.name}.new")
    half.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    half.replace(out)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _report(progress: Progress, what: str) -> Callable[[int, int], None]:
    task = progress.add_task(what, total=None)
    return lambda done, of: progress.update(task, completed=done, total=of)


def _table(sources: Mapping[str, Mapping[str, int]], title: str) -> Table:
    table = Table("source", "train", "valid", "test", title=title)
    for name, found in sources.items():
        table.add_row(name, *(f"{found[split]:,}" for split in ("train", "valid", "test")))
    return table
