"""A snapshot: the rows that a training reads, with a checksum and a card, in a folder of its own.

    rows.parquet   one row per text, in canonical order
    card.json      what is inside, counted; the sha256 over the rows (`training.rows.content_sha256`)
    card.md        the same to read

The version is the first twelve digits of the sha256: equal rows are one snapshot, whoever builds them, in any order.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.frozen import Fingerprint, check_frozen
from training.leak_free import LeftOut, leak_free, merged
from training.rows import LabelledMention, Row, content_sha256
from training.snapshot_card import counts, markdown

SCHEMA_VERSION = 1
ROWS, CARD, PAGE = "rows.parquet", "card.json", "card.md"
TESTING_ONLY = "finentity"  # ODC-BY, labelled by experts: kept to measure with
SCHEMA = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("lang", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("sentiment", pa.string()),
        pa.field("topic", pa.string()),
        pa.field(
            "mentions",
            pa.list_(
                pa.struct([("name", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
            ),
            nullable=False,
        ),
        pa.field("weight", pa.float64(), nullable=False),
    ]
)


class SnapshotInvalid(ValueError):
    """A snapshot that cannot be built or read; says which, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows in canonical order, their checksum, and what was left out: (source, split, why) -> rows."""

    rows: tuple[Row, ...]
    sha256: str
    left_out: Mapping[tuple[str, str, str], int]

    @property
    def version(self) -> str:
        """What the snapshot is called."""
        return self.sha256[:12]


def build(
    rows: Iterable[Row],
    held_out: Mapping[str, Sequence[str]],
    frozen: Sequence[Fingerprint],
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> Snapshot:
    """Rows of every source, made one snapshot that leaks nothing.

    Args:
        rows: every source's.
        held_out: texts that nothing may repeat, by the reason that the card gives.
        frozen: the fingerprints of the test texts; refused when one changed.
        done: told how far it has come, and of how much.

    Raises:
        FrozenChanged: a test text is gone, has other labels or trains.
        SnapshotInvalid: a row is of a set that is for testing only.
    """
    given = list(rows)
    for row in given:
        if TESTING_ONLY in row.source.lower():
            raise SnapshotInvalid(f"{row.source} is for testing only and is no part of a snapshot: {row.text[:80]!r}")
    left_out = LeftOut()
    once = merged(given, left_out)
    check_frozen([row for row in once if row.split == "test"], given, frozen)
    kept = leak_free(once, held_out, left_out, done)
    return Snapshot(tuple(kept), content_sha256(kept), dict(sorted(left_out.rows.items())))


def write(snapshot: Snapshot, folder: Path) -> None:
    """Write the folder as a whole: until it is complete, what was there stays.

    Raises:
        SnapshotInvalid: the folder holds something that is no snapshot.
    """
    if folder.exists() and not (folder / CARD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise SnapshotInvalid(f"{folder} is there and is no snapshot: name another folder")
    made = folder.parent / f".{folder.name}.new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        pq.write_table(_table(snapshot), made / ROWS, compression="zstd")
        card = _card(snapshot)
        (made / CARD).write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        (made / PAGE).write_text(markdown(card), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def read(folder: Path) -> Snapshot:
    """Read a snapshot and prove its checksum.

    Raises:
        SnapshotInvalid: a file is missing, of a newer schema, or not what the card says.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if card["schema_version"] != SCHEMA_VERSION:
            raise SnapshotInvalid(
                f"{folder} has schema {card['schema_version']}, this version of tocsin reads {SCHEMA_VERSION}"
            )
        rows = tuple(_row(raw) for raw in pq.read_table(folder / ROWS, schema=SCHEMA).to_pylist())
    except FileNotFoundError as error:
        raise SnapshotInvalid(f"{folder} is no snapshot: {Path(str(error.filename)).name} is missing") from None
    except (KeyError, json.JSONDecodeError, pa.ArrowInvalid, ValueError) as error:
        raise SnapshotInvalid(f"{folder} cannot be read: {error}") from None
    found = content_sha256(rows)
    if found != card["sha256"]:
        raise SnapshotInvalid(f"{folder}: the rows have sha256 {found}, the card says {card['sha256']}")
    left_out = {(one["source"], one["split"], one["why"]): one["rows"] for one in card["left_out"]}
    return Snapshot(rows, found, left_out)


def _card(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "version": snapshot.version,
        "sha256": snapshot.sha256,
        **counts(snapshot.rows),
        "left_out": [
            {"source": source, "split": split, "why": why, "rows": n}
            for (source, split, why), n in snapshot.left_out.items()
        ],
    }


def _table(snapshot: Snapshot) -> pa.Table:
    columns = {name: [getattr(row, name) for row in snapshot.rows] for name in SCHEMA.names if name != "mentions"}
    columns["mentions"] = [
        [{"name": m.name, "start": m.start, "end": m.end, "label": m.label} for m in row.mentions]
        for row in snapshot.rows
    ]
    return pa.table(columns, schema=SCHEMA.with_metadata({"sha256": snapshot.sha256}))


def _row(raw: dict[str, Any]) -> Row:
    return Row(**{**raw, "mentions": tuple(LabelledMention(**mention) for mention in raw["mentions"])})
