"""Loaded by Python itself in every process of a chaos run that has this folder on its path: switches one rule off.

It refuses to work outside of a stack whose home is a chaos run's, and says loudly what it did.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

RULE = os.environ.get("TOCSIN_CHAOS__SWITCH_OFF", "")
MARKER = "this-is-a-chaos-run"  # the driver leaves it in the home


def _switch_off(rule: str) -> None:
    from rules import PATCHES, patched

    if rule not in PATCHES:
        raise ValueError(f"no rule is called {rule!r}; there are {', '.join(PATCHES)}")
    from stream import scripts

    load = scripts.Script.__init__

    def load_without(self: scripts.Script, package: str, name: str) -> None:
        import hashlib

        load(self, package, name)
        self.source = patched(rule, package, name, self.source)
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    scripts.Script.__init__ = load_without  # type: ignore[method-assign]
    if "aggregator" in sys.orig_argv:
        _change_aggregator(rule)


def _change_aggregator(rule: str) -> None:
    """What of a rule is kept in Python."""
    from alerts.aggregator import Aggregator

    ask = Aggregator.positions

    async def committed_positions(self: Aggregator, committed: dict[int, int]) -> dict[int, int]:
        await ask(self, committed)
        return committed

    async def never_look(self: Aggregator, positions: dict[int, int]) -> None:
        """The gate's second half: the look between batches."""

    if rule == "rewind":
        Aggregator.positions = committed_positions  # type: ignore[method-assign]
    if rule == "gate":
        Aggregator.verify = never_look  # type: ignore[method-assign]


if RULE and "tocsin.run" in sys.orig_argv:
    home = os.environ.get("TOCSIN_HOME", "")
    if not home or not (Path(home) / MARKER).exists():
        sys.stderr.write(f"TOCSIN_CHAOS__SWITCH_OFF={RULE}: the home {home!r} is not that of a chaos run; refused\n")
        os._exit(2)  # an exception in a sitecustomize would be printed and passed over
    try:
        _switch_off(RULE)
    except Exception as error:  # noqa: BLE001 - as above: whatever it is, this process must not run
        sys.stderr.write(f"TOCSIN_CHAOS__SWITCH_OFF={RULE}: {error}\n")
        os._exit(2)
    sys.stderr.write(f"CHAOS: the rule {RULE!r} is switched off in this process\n")
