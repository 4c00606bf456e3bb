"""A row of ours: a bundle as a scorer process runs it, one thread: python ours.py FOLDER TEXTS PART OF."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from turns import serve

from inference.bundle import load_bundle
from inference.scoring import Model, Scorer, TextToScore

DOCUMENTS = 256  # as many as the scorer takes from Kafka at once


def main() -> None:
    """Score every OF-th text."""
    folder, texts, part, of = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    bundle = load_bundle(folder)
    lang = bundle.manifest.languages[0]
    scorer = Scorer({lang: Model.of(bundle)})

    def read_all(some: Sequence[str]) -> None:
        for start in range(0, len(some), DOCUMENTS):
            scorer.score([TextToScore("", lang, text) for text in some[start : start + DOCUMENTS]])

    serve(read_all, json.loads(texts.read_text(encoding="utf-8"))[part::of])


if __name__ == "__main__":
    main()
