"""Where a snapshot's rows come from: a source is a function that yields rows.

The sets in `data/` (origin and licences: `data/NOTICE.md`) and any file of labels in the form of
`data/OWN_LABELLING.md`. Texts are cleaned here, so that a mention's place is a place in what the model reads.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from training.rows import Row, mentions_of, settled

DATA = Path(__file__).parent / "data"
FINENTITY = "en_entity_sentiment_finentity_test.csv.gz"  # testing only: no source yields it
OWN_LICENCE = "Apache-2.0"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

Source = Callable[[], Iterable[Row]]


class SourceInvalid(ValueError):
    """A file of labels that cannot be used; names the file, the row and what is wrong there."""


def shipped(folder: Path = DATA) -> dict[str, Source]:
    """The sources whose texts ship with the product, by name."""
    return {
        "tfns, sentfin": lambda: _sentiment(folder / "en_sentiment_permissive.csv.gz"),
        "tfnt": lambda: _topic(folder / "en_topic_tfnt.csv.gz"),
        "sentfin's entities": lambda: _entities(folder / "en_entity_sentiment_sentfin.csv.gz"),
        "own_en": lambda: labels_file(folder / "own_en.jsonl.gz", source="own_en", licence=OWN_LICENCE),
        "own_zh": lambda: labels_file(folder / "own_zh.jsonl.gz", source="own_zh", licence=OWN_LICENCE),
    }


def finentity_texts(folder: Path = DATA) -> list[str]:
    """The texts of FinEntity, which only test."""
    return sorted({settled(row["text"]) for _, row in _csv(folder / FINENTITY)})


def labels_file(path: Path, *, source: str | None = None, licence: str = "unstated") -> Iterator[Row]:
    """JSON lines, gzipped or not, as `data/OWN_LABELLING.md` describes them.

    `text` is needed, and one of `sentiment`, `topic`, `entities`. `split` (train where absent), `lang` (by its script
    where absent), `source` (the file's name where absent), `licence` and `weight` may be said.

    Raises:
        SourceInvalid: naming the file and the line.
    """
    name = source or path.name.split(".")[0]
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            yield _said(json.loads(line), name, licence)
        except (ValueError, TypeError, AttributeError) as error:
            raise SourceInvalid(f"{path}, line {number}: {error}") from None


def _said(said: Any, source: str, licence: str) -> Row:
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        raise TypeError('it is no object with a "text"')
    text = settled(said["text"])
    row = Row(
        text,
        said.get("lang") or _language(text),
        said.get("source") or source,
        said.get("licence") or licence,
        said.get("split") or "train",
        said.get("sentiment"),
        said.get("topic"),
        mentions_of(said.get("entities") or {}, text),
        float(said.get("weight", 1.0)),
    )
    if not row.labelled:
        raise ValueError("it has no sentiment, topic or entities")
    return row


def _sentiment(path: Path) -> Iterator[Row]:
    for where, row in _csv(path):
        if settled(row["text"]):  # a tweet of nothing but an address
            yield _row(where, row["text"], row["source"], row["split"], sentiment=row["label"])


def _topic(path: Path) -> Iterator[Row]:
    for where, row in _csv(path):
        if settled(row["text"]):
            yield _row(where, row["text"], "tfnt", row["split"], topic=row["topic14"])


def _entities(path: Path) -> Iterator[Row]:
    labels: dict[tuple[str, str], dict[str, str]] = {}
    first: dict[tuple[str, str], str] = {}
    contradicted = Counter[tuple[str, str, str]]()
    for where, row in _csv(path):
        at = settled(row["text"]), row["split"]
        name = _mended(settled(row["entity"]), at[0])
        first.setdefault(at, where)
        if labels.setdefault(at, {}).setdefault(name, row["label"]) != row["label"]:
            contradicted[*at, name] += 1
    for (text, split), entities in labels.items():
        agreed = {name: label for name, label in entities.items() if not contradicted[text, split, name]}
        yield _row(first[text, split], text, "sentfin", split, entities=agreed)


def _mended(name: str, text: str) -> str:
    """SEntFiN 1.0 has replaced hold and sell by the polarities they were taken for, in names too: `Neutralings`.

    >>> _mended("WNS neutralings", "WNS Holdings up"), _mended("Frank Rusnegative", "Frank Russell up")
    ('WNS Holdings', 'Frank Russell')
    """
    if name.lower() in text.lower():
        return name
    for wrong, right in (("neutral", "Hold"), ("negative", "sell"), ("positive", "buy")):
        mended = name.replace(wrong, right)
        if mended.lower() in text.lower():
            return mended
    return name


def _row(
    where: str,
    text: str,
    source: str,
    split: str,
    *,
    sentiment: str | None = None,
    topic: str | None = None,
    entities: Mapping[str, str] | None = None,
) -> Row:
    cleaned = settled(text)
    try:
        return Row(cleaned, "en", source, "MIT", split, sentiment, topic, mentions_of(entities or {}, cleaned))
    except ValueError as error:
        raise SourceInvalid(f"{where}: {error}") from None


def _language(text: str) -> str:
    return "zh" if 4 * len(_HAN.findall(text)) > len(text) else "en"


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            yield f"{path.name} row {number}", row


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            yield from enumerate(lines, start=1)
    except FileNotFoundError:
        raise SourceInvalid(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise SourceInvalid(f"{path} is a folder, not a file of labels") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise SourceInvalid(f"{path} cannot be read as JSON lines: {error}") from None
