"""Reads a labelled file of the user's: texts with the label each should get, for `tocsin evaluate`.

A labelled file is judged whole: the first row that cannot be used ends the reading with its place, because figures over
an unknown part of a file mean nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.errors import UserError
from ingest.replay import Broken, Row, read_rows
from text.language import language
from text.normalise import clean

UNKNOWN_SHOWN = 8
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_ADVICE = {
    "malformed": "quote fields that hold separators, quotes or line ends",
    "undecodable": "save the file in UTF-8",
    "too_large": "leave the row out or shorten it",
    "unreadable": "pack or fetch the file again",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what.

    Attributes:
        entity: None where the label is of the whole text.
        where: column -> the value that a row must have there to be read.
    """

    text: str = "text"
    label: str = "label"
    entity: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One judgement: the label of a text, or of an entity in it. `text` is as ingest would have cleaned it."""

    text: str
    label: str
    entity: str = ""


def read_labels(text: str, labels: Sequence[str]) -> dict[str, str]:
    """`bearish=negative,0=negative` -> {"bearish": "negative", "0": "negative"}; the file's names in lower case.

    Raises:
        UserError: naming the part that cannot be used.
    """
    renamed: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        old, equals, new = (piece.strip().lower() for piece in part.rpartition("="))
        if not equals or not old:
            raise UserError(f"--map: {part.strip()!r} is not OLD=NEW, as in bearish=negative,bullish=positive")
        if new not in labels:
            raise UserError(f"--map: {part.strip()!r}: there is no label {new!r}; there are {', '.join(labels)}")
        if renamed.setdefault(old, new) != new:
            raise UserError(f"--map: {old!r} is given twice, as {renamed[old]} and as {new}")
    return renamed


def read_labelled(
    path: Path, columns: Columns, labels: Sequence[str], renamed: Mapping[str, str], limit: int | None = None
) -> list[Labelled]:
    """The judgements in a file, in its order.

    Args:
        path: CSV, TSV or JSONL, as `ingest.replay.read_rows` reads it. In JSONL the entity's field may hold an object of
            names and labels; the label's field is then not read.
        columns: which column holds what.
        labels: the labels that there are; the file's are compared in any case.
        renamed: the file's own names for them, in lower case.
        limit: how many rows to read at most.

    Raises:
        UserError: a row, column or label that cannot be used; names the file, the row, the column and what to do.
    """
    known = {label: label for label in labels} | dict(renamed)
    found: list[Labelled] = []
    unknown: Counter[str] = Counter()
    first_unknown = ""
    used = seen = 0
    for number, row in _rows(path, columns):
        seen = number
        if any(str(row.values.get(f"where {column}")) != value for column, value in columns.where.items()):
            continue
        if limit is not None and used >= limit:
            break
        used += 1
        place = f"{path}, row {number} (line {row.line})"
        text = clean(_text(row, "text", columns.text, place))
        for entity, said in _judgements(row, columns, place):
            label = known.get(str(said).strip().lower())
            if label is None:
                unknown[str(said)] += 1
                first_unknown = first_unknown or f"{place}, column {columns.label!r}: "
                continue
            found.append(Labelled(text, label, clean(entity)))
    if unknown:
        raise UserError(first_unknown + _unknown_labels(unknown, labels))
    if not seen:
        raise UserError(f"{path}: there are no rows in it; it needs a header line and a row for each labelled text")
    if not found:
        wanted = " and ".join(f"{column}={value}" for column, value in columns.where.items())
        raise UserError(f"{path}: none of its rows has {wanted or 'a label'}; nothing is left to judge")
    return found


def mostly_chinese(texts: Sequence[str]) -> bool:
    """Whether most texts are Chinese, by their script."""
    return 2 * sum(not text.isascii() and language(text) == "zh" for text in texts) > len(texts)


def spans_of(name: str, text: str) -> list[tuple[int, int]]:
    """Where a name stands in a text: as a word of its own, else as written, else the same in any case; all such places.

    Han characters are words of their own anywhere.

    >>> spans_of("ABB", "CABB sues ABB"), spans_of("tesla", "Tesla up, TESLA down"), spans_of("Tesla", "oil")
    ([(10, 13)], [(0, 5), (10, 15)], [])
    """
    literal = re.escape(name)
    alone = (
        rf"{'' if _HAN.match(name) else _NO_LETTER_BEFORE}{literal}{'' if _HAN.match(name[-1:]) else _NO_LETTER_AFTER}"
    )
    for flags in (re.NOFLAG, re.IGNORECASE):
        for pattern in (alone, literal):
            places = [found.span() for found in re.finditer(pattern, text, flags)] if name else []
            if places:
                return places
    return []


def _rows(path: Path, columns: Columns) -> Iterator[tuple[int, Row]]:
    """Rows with their numbers, the header not counted."""
    mapping = {"text": columns.text, "label": columns.label}
    if columns.entity is not None:
        mapping["entity"] = columns.entity
    mapping |= {f"where {column}": column for column in columns.where}
    for number, row in enumerate(read_rows(path, mapping), start=1):
        if isinstance(row, Broken):
            raise UserError(f"{path}, row {number}: {row.rejected.detail}; {_advice(path, row.rejected.reason)}")
        yield number, row


def _advice(path: Path, reason: str) -> str:
    if reason in {"malformed", "undecodable"} and ".json" in path.name.lower():
        return "write one JSON object a line, in UTF-8"
    return _ADVICE.get(reason, "mend the row or leave it out")


def _text(row: Row, name: str, column: str, place: str) -> str:
    value = row.values[name]
    if isinstance(value, str):
        return value
    if value is None:
        raise UserError(f"{place}: there is no {column!r}; name the field with --{name}")
    raise UserError(f"{place}, column {column!r}: {value!r} is no text; put it in quotes")


def _judgements(row: Row, columns: Columns, place: str) -> list[tuple[str, Any]]:
    """(entity, label) pairs of a row; the entity is empty where the label is of the whole text."""
    if columns.entity is not None and isinstance(judged := row.values["entity"], dict):
        return list(judged.items())
    said = row.values["label"]
    if said is None:
        raise UserError(f"{place}: there is no {columns.label!r}; name the field with --label")
    if columns.entity is None:
        return [("", said)]
    entity = _text(row, "entity", columns.entity, place)
    if not entity.strip():
        raise UserError(f"{place}, column {columns.entity!r}: empty; name the entity or leave the row out")
    return [(entity, said)]


def _unknown_labels(unknown: Counter[str], labels: Sequence[str]) -> str:
    """What a file's unknown labels are, the first one found before the others, and how to rename them."""
    first, *others = unknown
    also = ", ".join(f"{name!r} ({unknown[name]} rows)" for name in others[:UNKNOWN_SHOWN])
    return (
        f"unknown label {first!r}{'; also ' * bool(also)}{also}; there are {', '.join(labels)}: "
        f"rename with --map {first or 'OLD'}={labels[0]},..."
    )
