"""Where the live sources of a process publish: one producer and one reader of `documents`, which may be away and come back."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from contracts.clock import Clock
from contracts.errors import Unavailable
from ingest.documents_log import DocumentsLog, heard_of
from ingest.publisher import Publisher

SETTLE_S = 0.5  # what a killed process, or this one before Kafka went away, had handed to the network arrives meanwhile
log = structlog.get_logger(__name__)


class Outlet:
    """The log as all live sources of a process write it. Not for two threads at once.

    Attributes:
        epoch: rises with each connection; what was owned in an earlier one has to be read back.
        ends: partition of `documents` -> end offset of what is acknowledged.
    """

    def __init__(self, bootstrap: str, delivery_s: float, scorer_group: str, clock: Clock) -> None:
        self._bootstrap = bootstrap
        self._delivery_s = delivery_s
        self._group = scorer_group
        self._clock = clock
        self._publisher: Publisher | None = None
        self._log: DocumentsLog | None = None
        self._heard: set[str] | None = None
        self.epoch = 0
        self.ends: dict[int, int] = {}

    @property
    def connected(self) -> bool:
        """Whether Kafka answered last."""
        return self._publisher is not None

    @property
    def publisher(self) -> Publisher:
        """The producer.

        Raises:
            Unavailable: while Kafka is away.
        """
        if self._publisher is None:
            raise Unavailable("Kafka is away")
        return self._publisher

    def connect(self) -> None:
        """Connect, unless that is done.

        Raises:
            Unavailable: Kafka does not answer.
        """
        if self._publisher is not None:
            return
        try:
            self._log = DocumentsLog(self._bootstrap, self._group)
            self._publisher = Publisher(self._bootstrap, self._delivery_s)
        except Unavailable:
            self.drop()
            raise
        self.epoch += 1
        if self.epoch > 1:
            log.info("Kafka answers again")

    def drop(self) -> None:
        """Give the connection up: what was sent and not acknowledged may have arrived, and is read back."""
        if self._publisher is not None:
            self._publisher.close()
        if self._log is not None:
            self._log.close()
        self._publisher = self._log = None

    def read_back(self, starts: Mapping[str, Mapping[int, int] | None]) -> dict[str, set[str]]:
        """What sources have published beyond what they saved.

        Args:
            starts: source -> partition -> offset; None for a source that never saved anything: it is new when it was never
                heard of in `sources` either, and then nothing is read for it; else Redis was lost, and everything is.

        Returns:
            source -> document ids.

        Raises:
            Unavailable: Kafka does not answer.
        """
        self.connect()
        if self._log is None:
            raise Unavailable("Kafka is away")
        self._clock.sleep(SETTLE_S)
        try:
            if self._heard is None and None in starts.values():
                self._heard = heard_of(self._bootstrap)
            known = {
                source: start or {}
                for source, start in starts.items()
                if start is not None or source in (self._heard or ())
            }
            sent, self.ends = self._log.sent_since(known)
        except Unavailable:
            self.drop()
            raise
        return {source: sent.get(source, set()) for source in starts}

    def flush(self) -> None:
        """Wait until everything sent is acknowledged, and know where it ends.

        Raises:
            Unavailable: it was not.
        """
        try:
            self.ends = self.ends | self.publisher.flush()
        except Unavailable:
            self.drop()
            raise
