"""The desk's SQLite file: one connection per thread, one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import Unavailable, UserError
from desk.schema import TABLES, VERSION

_AWAY = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)  # fmt: skip


def database_path(address: str) -> Path:
    """The file of `sqlite:///PATH`.

    Raises:
        UserError: for any other address.
    """
    if not address.startswith("sqlite:///") or address == "sqlite:///":
        raise UserError(f"desk.database={address}: the desk keeps its database in SQLite; give it as sqlite:///PATH")
    return Path(address.removeprefix("sqlite:///"))


def is_away(error: sqlite3.OperationalError) -> bool:
    """Whether the file is locked, read-only, full or out of reach: a matter of waiting. A mistake in a query is not."""
    return error.sqlite_errorcode & 0xFF in _AWAY


class Database:
    """Connections and transactions. In WAL mode a reader never waits for the writer, nor the writer for readers."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            UserError: it cannot be opened, or was written by another version of the desk.
        """
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = self.connection()
            found = connection.execute("pragma user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise UserError(
                    f"{path}: written by another version of the desk ({found}); move it away and start again"
                )
            connection.executescript(f"pragma journal_mode=wal; {TABLES} pragma user_version={VERSION};")
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"{path}: the desk's database cannot be used: {error}") from error

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
            # NORMAL: a power cut may take the last transactions, rows and marks alike; they are read again.
            found.executescript("pragma synchronous=normal; pragma cache_size=-32000; pragma temp_store=memory;")
            self._local.connection = found
            with self._opening:
                self._connections.append(found)
        return found

    def close(self) -> None:
        """Close every thread's connection."""
        with self._opening:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write: all of it or nothing.

        Raises:
            Unavailable: the database is locked, full or read-only; nothing was written.
        """
        with self._writing:
            connection = self.connection()
            try:
                connection.execute("begin immediate")
                yield connection
                connection.execute("commit")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("rollback")
                self.rolled_back()
                if isinstance(error, sqlite3.OperationalError) and is_away(error):
                    raise Unavailable(f"the desk's database {self.path.name} cannot be written: {error}") from error
                raise

    def rolled_back(self) -> None:
        """A transaction did not happen: forget what was remembered from it."""
