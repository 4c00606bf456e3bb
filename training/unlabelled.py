"""Text that nobody labelled, for distillation, self-training and getting used to a domain.

Left out, so that what is measured stays unseen: the days of known events and one day either side, in each stream; what
nearly repeats a text that tests; what a stream says twice.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from training.near_duplicates import LENSES, Comparison
from training.rows import same_text_key, settled
from training.sources import DATA

HELD_OUT_DAYS = DATA / "held_out_days.csv"
_RETWEET = re.compile(r"^RT @\w+:\s*")


class StreamInvalid(ValueError):
    """A stream that cannot be read; names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A text, the stream it is from, and its day (UTC)."""

    text: str
    lang: str
    source: str
    day: date


def held_out_days(path: Path = HELD_OUT_DAYS) -> dict[str, set[date]]:
    """By stream: the days of its known events, and one day either side."""
    days: dict[str, set[date]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            day = date.fromisoformat(row["day"])
            days.setdefault(row["stream"], set()).update(day + timedelta(days=n) for n in (-1, 0, 1))
    return days


def stream(path: Path, name: str, column: str) -> Iterator[Unlabelled]:
    """Every text of a stream: a CSV, gzipped or not, with `ts` (UTC, ISO 8601) and a column of text.

    Raises:
        StreamInvalid: the file cannot be read, lacks a column, or a time cannot be read.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = {"ts", column} - set(rows.fieldnames or ())
            if missing:
                raise StreamInvalid(f"{path} has no column {', '.join(sorted(missing))}; it has {rows.fieldnames}")
            for number, row in enumerate(rows, start=2):
                try:
                    day = date.fromisoformat(row["ts"][:10])
                except (ValueError, TypeError):
                    raise StreamInvalid(f"{path} row {number}: ts is {row['ts']!r}, no day YYYY-MM-DD") from None
                yield Unlabelled(settled(_RETWEET.sub("", row[column] or "")), "en", name, day)
    except FileNotFoundError:
        raise StreamInvalid(f"{path}: there is no such file") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, IsADirectoryError) as error:
        raise StreamInvalid(f"{path} cannot be read as CSV: {error}") from None


def held_out_texts(texts: Iterable[Unlabelled], days: dict[str, set[date]]) -> list[str]:
    """The texts of a stream's held-out days: nothing that trains may repeat them."""
    return sorted({one.text for one in texts if one.text and one.day in days.get(one.source, ())})


def usable(
    texts: Iterable[Unlabelled],
    tested: Sequence[str],
    days: dict[str, set[date]],
    left_out: Counter[tuple[str, str]],
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Unlabelled]:
    """The texts that may be used, each once, by stream and day.

    Args:
        texts: of any streams.
        tested: texts that measure.
        days: the held-out days by stream.
        left_out: takes note of what is dropped: (stream, why) -> texts.
        done: told how far it has come, and of how much.
    """
    given = [one for one in texts if one.text]
    forbidden = [*tested, *held_out_texts(given, days)]
    kept: dict[str, Unlabelled] = {}
    for one in given:
        if one.day in days.get(one.source, ()):
            left_out[one.source, "on a held-out day"] += 1
        elif kept.setdefault(same_text_key(one.text), one) is not one:
            left_out[one.source, "said before"] += 1
    once = list(kept.values())
    everything = [one.text for one in once] + forbidden
    so_far = 0

    def read(count: int) -> None:
        nonlocal so_far
        so_far += count
        done(so_far, len(LENSES) * len(everything))

    comparison = Comparison(everything, done=read)
    leaks = comparison.near_duplicates(range(len(once)), range(len(once), len(everything)))
    for place in leaks:
        left_out[once[place].source, "repeats a test text or a held-out day"] += 1
    clear = [one for place, one in enumerate(once) if place not in leaks]
    return sorted(clear, key=lambda one: (one.source, one.day, one.text))
