"""How a long command tells what it is doing."""

from __future__ import annotations

from typing import Self

from rich.console import Console


class Steps:
    """Tells the steps of a start: a line that changes in a terminal, one line per new step elsewhere."""

    def __init__(self, console: Console) -> None:
        """Nothing said yet."""
        self._console, self._last = console, ""
        self._status = console.status("starting") if console.is_terminal else None

    def __call__(self, text: str) -> None:
        """The next step; one that begins with `warning:` stays on the screen."""
        told, self._last = self._last, text
        if text == told or (self._status is None and _waits(text) and _waits(told)):
            return
        if self._status is None or text.startswith("warning:"):
            self._console.print(text, highlight=False, markup=False)
        else:
            self._status.update(text)

    def __enter__(self) -> Self:
        """Begin."""
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        if self._status is not None:
            self._status.stop()


def _waits(text: str) -> bool:
    return text.startswith("waiting for ")
