"""Waiting for what was started, and knowing when waiting is in vain."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.clock import Clock
from contracts.errors import UserError
from tocsin.stack import ports
from tocsin.stack.processes import ProcessStatus
from tocsin.stack.programs import last_lines

POLL_S = 0.1
# A process that was given something wrong by its user ends with this; starting it again will not mend that.
USER_ERROR_EXIT = 2
# One that ends for any other reason may have met a neighbour that is not up yet.
ENDS_BEFORE_GIVING_UP = 3


@dataclass(slots=True)
class Ends:
    """How often each process has ended while we were waiting for it."""

    seen: dict[str, set[int]] = field(default_factory=dict)

    def hopeless(self, statuses: Iterable[ProcessStatus]) -> ProcessStatus | None:
        """A process that will not come up however long we wait, or None."""
        for status in statuses:
            if not status.ended:
                continue
            times = self.seen.setdefault(status.name, set())
            times.add(status.ended)
            if status.exit_status == USER_ERROR_EXIT or len(times) >= ENDS_BEFORE_GIVING_UP:
                return status
        return None


def wait(
    what: Mapping[str, Callable[[], bool]],
    statuses: Callable[[], dict[str, ProcessStatus]],
    logs: Callable[[str], Path],
    clock: Clock,
    limit_ms: int,
    say: Callable[[str], None],
) -> None:
    """Wait until everything answers.

    Args:
        what: name -> whether it answers now.
        statuses: what the supervisor says about the processes.
        logs: name -> its log file.
        clock: tells how long is too long.
        limit_ms: that long.
        say: told what is still waited for.

    Raises:
        UserError: one of them keeps ending or does not answer in time; the message has its last words.
    """
    waiting, ends = dict(what), Ends()
    until = clock.wall_ms() + limit_ms
    while True:
        known = statuses()
        for name in [name for name, answers in waiting.items() if _runs(known.get(name)) and answers()]:
            del waiting[name]
        if not waiting:
            return
        say(f"waiting for {', '.join(waiting)}")
        lost = ends.hopeless(known[name] for name in waiting if name in known)
        if lost is not None:
            raise UserError(_last_words(lost.name, "does not stay up", logs(lost.name)))
        if clock.wall_ms() > until:
            name = next(iter(waiting))
            raise UserError(_last_words(name, f"did not answer within {limit_ms // 1000} s", logs(name)))
        clock.sleep(POLL_S)


def _runs(status: ProcessStatus | None) -> bool:
    # None: something that the supervisor knows nothing of, so that its answer is all there is to go by.
    # RUNNING is said only of a process that has lived for START_S: one that dies of a bad file was healthy for a moment.
    return status is None or status.state == "RUNNING"


def _last_words(name: str, what: str, log: Path) -> str:
    said = last_lines(log, 2)
    return f"{name} {what}: {said} (all of it: {log})" if said else f"{name} {what} and said nothing (see {log})"


def healthy(port: int) -> bool:
    """Whether the process that serves metrics on `port` says that it works."""
    try:
        with urllib.request.urlopen(f"http://{ports.HOST}:{port}/health", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
