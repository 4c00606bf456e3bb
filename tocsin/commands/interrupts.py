"""Ctrl-C, SIGTERM and a closed terminal: one way to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM and a closed terminal do what Ctrl-C does, so that nothing is left running."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_ctrl_c() -> None:
    """Block until Ctrl-C, which ends the wait like any other wish."""
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return
