"""A record of a Kafka topic, and the law that offsets in a partition come without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.errors import Inconsistent

Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read.

    Attributes:
        appended_ms: when the broker appended it, milliseconds UTC.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    appended_ms: int = 0

    def header(self, name: str) -> bytes | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class Contiguity:
    """What offset comes next per partition. A batch must continue what was read; a jump forward loses messages."""

    expected: dict[int, int] = field(default_factory=dict)

    def start(self, positions: dict[int, int]) -> None:
        """Reading (again) from these offsets."""
        self.expected = dict(positions)

    def accept(self, batch: Sequence[Record]) -> dict[int, tuple[int, int]]:
        """Check a batch and move on.

        Returns:
            partition -> (offset the batch continues from, next offset after it).

        Raises:
            Inconsistent: when an offset was jumped over.
        """
        spans: dict[int, tuple[int, int]] = {}
        for record in batch:
            expected = self.expected.get(record.partition, record.offset)
            if record.offset > expected:
                raise Inconsistent(
                    f"partition {record.partition}: read offset {record.offset} where {expected} was due; "
                    "the records between were skipped by the reader, so the process stops and reads them again"
                )
            first = spans.get(record.partition, (min(record.offset, expected), 0))[0]
            following = max(expected, record.offset + 1)
            self.expected[record.partition] = following
            spans[record.partition] = (first, following)
        return spans
