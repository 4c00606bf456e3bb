"""A checkpoint's figures in fp32 torch, before anything is exported: `python -m training.measure CHECKPOINT`.

Read from the checkpoint folder: its recipe, its weights and its temperatures. The tests are the frozen test splits of
the recipe's sets, each head on each of them, and what is named on the command line: a file of entities that never
train, and the headlines of known days.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from inference.encode import clean
from training.checkpoints import Loaded, load_checkpoint
from training.dataset import Mention, span_of
from training.evaluate import Quality, quality
from training.events import Event, read_events
from training.predict import logits_by_text, logits_of
from training.recipe import DATA, examples_of


def figures_on_tests(loaded: Loaded, data: Path = DATA) -> dict[str, Quality]:
    """Per head and set of the recipe ("sentiment tfns"), and per head over all sets where there are several."""
    tested = [e for e in examples_of(loaded.recipe, data) if e.split == "test"]
    out = {}
    for head in loaded.recipe.heads:
        found = []
        for source in sorted({e.source for e in tested}):
            own = [e for e in tested if e.source == source]
            measured = logits_of(loaded.model, own, loaded.reader).get(head.name)
            if measured is not None:
                found.append(measured)
                out[f"{head.name} {source}"] = _quality(loaded, head.name, *measured)
        if len(found) > 1:
            whole = torch.cat([z for z, _ in found]), torch.cat([t for _, t in found])
            out[f"{head.name} all"] = _quality(loaded, head.name, *whole)
    return out


def entity_figures(loaded: Loaded, path: Path) -> Quality:
    """Sentiment per entity of a CSV (text, entity, label), by the mention head; by the text's where a name is not found.

    Where the file has a column `split`, its rows of the test split.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("split", "test") == "test"]
    by_text: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        by_text.setdefault(clean(row["text"]), []).append((clean(row["entity"]), row["label"]))
    texts = list(by_text)
    spans = [[span_of(name, text) for name, _ in by_text[text]] for text in texts]
    mentions = [[Mention(*(span or (0, 0)), {}) for span in own] for own in spans]
    said = logits_by_text(loaded.model, loaded.reader, texts, mentions)
    labels = next(head.labels for head in loaded.recipe.heads if head.name == "mention")
    answers, targets = [], []
    for text, of_text, of_mentions in zip(texts, said["sentiment"], said["mention"], strict=True):
        for (_, label), row in zip(by_text[text], of_mentions, strict=True):
            unread = bool(row.isnan().any())
            answers.append(
                of_text / loaded.temperatures["sentiment"] if unread else row / loaded.temperatures["mention"]
            )
            targets.append(labels.index(label))
    return quality(torch.stack(answers), torch.tensor(targets), labels)


def called_negative(loaded: Loaded, events: Sequence[Event]) -> dict[str, tuple[int, int, list[str]]]:
    """Per event: how many of its titles are called negative, of how many, and those called against its polarity."""
    labels = next(head.labels for head in loaded.recipe.heads if head.name == "sentiment")
    out = {}
    for event in events:
        said = logits_by_text(loaded.model, loaded.reader, [clean(t) for t in event.titles], [()] * len(event.titles))
        negative = [labels[int(z.argmax())] == "negative" for z in said["sentiment"]]
        mostly = event.polarity == "negative"
        contrary = [t for t, n in zip(event.titles, negative, strict=True) if n != mostly]
        out[f"{event.entity} {event.day}"] = (sum(negative), len(negative), contrary)
    return out


def _quality(loaded: Loaded, head: str, logits: Tensor, targets: Tensor) -> Quality:
    labels = next(h.labels for h in loaded.recipe.heads if h.name == head)
    return quality(logits / loaded.temperatures[head], targets, labels)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.measure", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the recipe's sets")
    parser.add_argument("--entities", type=Path, action="append", default=[], help="CSV.gz of text, entity, label")
    parser.add_argument(
        "--events", type=Path, nargs=2, metavar=("EVENTS", "STREAM"), help="known days and their stream"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded = load_checkpoint(options.checkpoint)
    figures = figures_on_tests(loaded, options.data)
    for path in options.entities:
        figures[f"entities {path.name.split('.')[0]}"] = entity_figures(loaded, path)
    table = Table("test", "n", "accuracy", "macro-F1", "ECE", title=str(options.checkpoint))
    for name, q in figures.items():
        table.add_row(name, str(q.n), f"{q.accuracy:.4f}", f"{q.macro_f1:.4f}", f"{q.ece:.4f}")
    console = Console()
    console.print(table)
    days = called_negative(loaded, read_events(*options.events)) if options.events else {}
    for name, (negative, of, contrary) in days.items():
        console.print(f"{name}: {negative} of {of} called negative")
        for title in contrary:
            console.print(f"    against: {title}", style="dim")
    if options.json:
        whole = {"figures": {name: q.as_json() for name, q in figures.items()}, "days": days}
        options.json.write_text(json.dumps(whole, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
