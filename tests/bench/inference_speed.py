"""What scoring can carry on one core. Prints figures; asserts nothing.

    python tests/bench/inference_speed.py [--bundle FOLDER]

Texts a second are of this process's own CPU time, tokenising and decoding included, so that a busy machine blurs them
less; the wall time of one text alone is printed as p50 and p95.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import platform
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from random import Random
from statistics import quantiles

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from inference.bundle import load_bundle, shipped
from inference.scoring import Model, Scorer, TextToScore

HEADLINES = 1024
MIXED = 384
ALONE = 200
BATCH = 256


def read_headlines() -> list[str]:
    """The titles of the 2022 crypto stream."""
    stream = Path(str(files("tocsin") / "streams" / "crypto_2022_en_3src.csv.gz"))
    with gzip.open(stream, "rt", encoding="utf-8", newline="") as lines:
        return [row["title"] for row in csv.DictReader(lines)]


def headlines(titles: Sequence[str]) -> list[TextToScore]:
    """Titles alone, as the demo streams them."""
    step = len(titles) // HEADLINES
    return [TextToScore(str(n), "en", title) for n, title in enumerate(titles[::step][:HEADLINES])]


def mixed(titles: Sequence[str]) -> list[TextToScore]:
    """Titles with bodies of 0 to 12 other titles: a third fill the model's whole length."""
    pick = Random(5)
    return [
        TextToScore(str(n), "en", pick.choice(titles), " ".join(pick.sample(titles, pick.randrange(13))))
        for n in range(MIXED)
    ]


def texts_per_s(scorer: Scorer, texts: Sequence[TextToScore], name: str, console: Console) -> float:
    """Texts scored per second of CPU time, in calls of BATCH texts."""
    scorer.score(texts[:8])
    started = time.process_time()
    for start in track(range(0, len(texts), BATCH), description=name, console=console, transient=True):
        scorer.score(texts[start : start + BATCH])
    return len(texts) / (time.process_time() - started)


def alone_ms(scorer: Scorer, texts: Sequence[TextToScore]) -> tuple[float, float]:
    """p50 and p95 of the wall time of one text alone, milliseconds."""
    took = []
    for text in texts[:ALONE]:
        started = time.perf_counter()
        scorer.score([text])
        took.append((time.perf_counter() - started) * 1000)
    cuts = quantiles(took, n=20)
    return cuts[9], cuts[18]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=shipped("en"))
    folder = parser.parse_args().bundle
    console = Console()
    started = time.perf_counter()
    bundle = load_bundle(folder)
    load_s = time.perf_counter() - started
    scorer = Scorer({"en": Model.of(bundle)})
    titles = read_headlines()
    p50, p95 = alone_ms(scorer, headlines(titles))
    table = Table(
        "figure", "value", title=f"{bundle.manifest.version}, one thread of {platform.processor() or 'one core'}"
    )
    table.add_row("load, checksums and golden sentences", f"{load_s:.2f} s")
    for name, texts in (("headlines", headlines(titles)), ("mixed lengths", mixed(titles))):
        table.add_row(f"{name}: texts a second of CPU", f"{texts_per_s(scorer, texts, name, console):.0f}")
    table.add_row("one headline alone, p50 / p95", f"{p50:.1f} / {p95:.1f} ms")
    table.add_row("resident memory", f"{psutil.Process().memory_info().rss / 2**20:.0f} MB")
    console.print(table)


if __name__ == "__main__":
    main()
