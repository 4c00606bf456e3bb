"""Drop what the log still has and let the desk read it again: `python -m desk.rebuild`. Rows older than the log stay."""

from __future__ import annotations

import sys

from contracts.errors import TocsinError
from contracts.settings import Settings, read_settings
from desk.database import database_path
from desk.kafka_feed import beginnings
from desk.store import Store


def rebuild(settings: Settings) -> int:
    """Prepare the rebuild; the desk reads the log when it next follows it. Gives the number of partitions.

    The desk must not run meanwhile: its feed would go on behind marks that are gone.

    Raises:
        Unavailable: Kafka is away; nothing was dropped.
        UserError: the database cannot be used.
    """
    firsts = beginnings(settings.kafka.bootstrap)
    store = Store(database_path(settings.desk.database))
    try:
        store.rebuild(firsts)
    finally:
        store.close()
    return len(firsts)


def main() -> int:
    """The command."""
    try:
        partitions = rebuild(read_settings())
    except TocsinError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Ready: the desk reads {partitions} partitions from the beginning of the log when it starts.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
