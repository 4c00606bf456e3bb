"""The texts that every row of the table reads: headlines of the 2022 crypto stream, alone and joined to longer ones."""

from __future__ import annotations

import csv
import gzip
from importlib.resources import files
from pathlib import Path
from random import Random

from inference.encode import compose

MAX_TOKENS = 96  # what the bundles read; every peer is cut at the same length


def mixed_texts(count: int) -> list[str]:
    """Texts of 0 to 12 headlines behind a first one, cleaned and composed as documents are; a third fill the length."""
    stream = Path(str(files("tocsin") / "streams" / "crypto_2022_en_3src.csv.gz"))
    with gzip.open(stream, "rt", encoding="utf-8", newline="") as lines:
        titles = [row["title"] for row in csv.DictReader(lines)]
    pick = Random(5)
    return [
        compose(pick.choice(titles), " ".join(pick.sample(titles, pick.randrange(13))), MAX_TOKENS)
        for _ in range(count)
    ]
