"""`tocsin logs`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from contracts.clock import Clock, WallClock
from contracts.errors import UserError
from tocsin.commands.options import HOME, HomeOption, home_of
from tocsin.stack.state import Home

app = typer.Typer(add_completion=False)

POLL_S = 0.2


@app.command()
def logs(
    stage: Annotated[
        str | None, typer.Argument(help="A stage or process, e.g. scorer or scorer-a; all by default.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="The last so many lines of each.")] = 40,
    home: HomeOption = HOME,
) -> None:
    """Show what the stages say."""
    chosen = choose(home_of(home), stage)
    tails = [Tail(path, f"{path.stem:<14}" if len(chosen) > 1 else "") for path in chosen]
    for tail in tails:
        for line in tail.last(lines):
            typer.echo(line)
    if follow:
        try:
            for line in followed(tails, WallClock()):
                typer.echo(line)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def choose(home: Home, stage: str | None) -> list[Path]:
    """The logs of one process, of all processes of a stage, or of all.

    Raises:
        UserError: there are none.
    """
    there = sorted(home.logs.glob("*.log")) if home.logs.is_dir() else []
    if not there:
        raise UserError(f"{home.path} has no logs; start a stack with `tocsin up`, or name another with --home DIR")
    chosen = [path for path in there if stage is None or path.stem == stage or path.stem.startswith(f"{stage}-")]
    if not chosen:
        raise UserError(f"there is no log of {stage!r}; there are {', '.join(path.stem for path in there)}")
    return chosen


class Tail:
    """One log file, read from its end on, also across its rotation."""

    def __init__(self, path: Path, prefix: str) -> None:
        """Read `path`; every line is given `prefix`."""
        self._path, self._prefix = path, prefix
        self._file = path.open(encoding="utf-8", errors="replace")
        self._rest = ""

    def last(self, count: int) -> list[str]:
        """The last `count` lines; what follows is what comes after them."""
        return [self._prefix + line.rstrip("\n") for line in deque(self._file, maxlen=count)]

    def new(self) -> Iterator[str]:
        """The whole lines written since; a new file of the same name is read from its beginning."""
        yield from self._read()
        if self._path.stat().st_ino != _inode(self._file.fileno()):
            yield from self._read()
            self._file.close()
            self._file = self._path.open(encoding="utf-8", errors="replace")

    def _read(self) -> Iterator[str]:
        *whole, self._rest = (self._rest + self._file.read()).split("\n")
        yield from (self._prefix + line for line in whole)


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino


def followed(tails: list[Tail], clock: Clock) -> Iterator[str]:
    """New lines of all of them, for ever."""
    while True:
        for tail in tails:
            yield from tail.new()
        clock.sleep(POLL_S)
