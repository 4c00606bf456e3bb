"""A linker that follows its watchlist while Tocsin runs: the shell around `link.Linker`.

`look` is called now and then; when one of the files changed and can be read, the next document is linked with the new
list, and says so by its version. A file that cannot be read leaves the old list in place, loudly. Linking itself touches
no file. All sources of a process share one of these.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import structlog

from contracts.errors import UserError
from contracts.watchlist import read_watchlist, watchlist_files
from ingest.link import Linker

log = structlog.get_logger(__name__)


class WatchedLinker:
    """The linker of a watchlist file.

    Args:
        path: `watchlist.yaml`.

    Raises:
        UserError: the file cannot be used; only while this is built.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen = self._stamps(watchlist_files(path))
        self._current = Linker(read_watchlist(path))

    @property
    def current(self) -> Linker:
        """The linker of the list in use: take it once per document, so that mentions and version are of one list."""
        return self._current

    def look(self) -> bool:
        """Take up a changed watchlist; whether there was one that differs."""
        with self._lock:
            stamps = self._stamps(self._seen)
            if stamps == self._seen:
                return False
            self._seen = stamps
            try:
                self._seen = self._stamps(watchlist_files(self._path))
                entities = read_watchlist(self._path)
            except UserError as error:
                log.error("the watchlist cannot be read; the one before stays in use", why=str(error))  # noqa: TRY400 - a user's mistake
                return False
            old, new = self._current, Linker(entities)
            self._current = new
        if new.version == old.version:
            return False
        before, after = ({entity.id for entity in linker.entities} for linker in (old, new))
        log.info(
            "watchlist taken up", version=new.version, entities=len(after), new=sorted(after - before)[:20],
            gone=sorted(before - after)[:20],
        )  # fmt: skip
        return True

    @staticmethod
    def _stamps(files: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
        """What tells that a file changed; None for one that is gone, as editors leave it for a moment."""
        stamps: dict[Path, tuple[int, int] | None] = {}
        for file in files:
            try:
                status = file.stat()
            except FileNotFoundError:
                stamps[file] = None
            else:
                stamps[file] = (status.st_mtime_ns, status.st_size)
        return stamps
