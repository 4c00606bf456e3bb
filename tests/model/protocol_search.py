"""Breadth first through all orders of steps and faults, every state once; each is also run to rest by a quiet machine.

1. From the start, every step and every fault that is possible is taken, level by level, down to a depth or to the end.
2. Every state is checked for what must hold at any moment.
3. From every state the flow is let run to rest without further faults: it must come to rest, with what must hold then. So
   what is searched to depth d are all histories whose first d steps may be anything at all.
4. The first violation is the shortest; its history is printed step by step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from protocol_model import Model
from protocol_state import State, Violation


@dataclass(slots=True)
class Found:
    """What a search came to.

    Attributes:
        states: different states seen, those on the way to rest not among them.
        depth: steps of the longest history searched completely.
        complete: whether there was nothing beyond.
        violation: what came out that must not, empty if nothing did.
        history: the steps that lead to it.
    """

    states: int = 0
    depth: int = 0
    complete: bool = False
    violation: str = ""
    history: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reach = "all of them" if self.complete else f"every history of {self.depth} steps"
        lines = [f"{self.states:,} states, {reach}: {self.violation or 'nothing wrong'}"]
        lines += [f"  {number:2d}. {step}" for number, step in enumerate(self.history, 1)]
        return "\n".join(lines)


def search(model: Model, depth: int | None = None, seconds: float | None = None) -> Found:
    """Search until a violation, a depth, a time or the end; whichever comes first."""
    began = time.process_time()
    start = model.start()
    parents: dict[State, tuple[State, str] | None] = {start: None}
    rested: set[State] = set()
    found = Found(states=1)
    level = [start]
    while level:
        if depth is not None and found.depth >= depth:
            return found
        following: list[State] = []
        for state in level:
            if seconds is not None and time.process_time() - began > seconds:
                return found
            try:
                for label, after in (*model.steps(state), *model.failures(state)):
                    if after not in parents:
                        parents[after] = (state, label)
                        following.append(after)
                        model.check(after)
                        _rest(model, after, rested)
            except _Unrest as unrest:
                return _told(found, parents, unrest.begin, unrest.steps, unrest.why)
            except Violation as violation:
                last = following[-1] if following and _wrong(model, following[-1]) else state
                return _told(found, parents, last, [], str(violation))
        found.depth += 1
        level = following
        found.states = len(parents)
    found.complete = True
    return found


class _Unrest(Exception):
    """Left alone, the flow does not come to a good rest."""

    def __init__(self, begin: State, steps: list[str], why: str) -> None:
        self.begin, self.steps, self.why = begin, steps, why


def _rest(model: Model, begin: State, rested: set[State]) -> None:
    """Run to rest by the first step that is possible each time; what is known to rest well is not run again."""
    path: dict[State, str] = {}
    state = begin
    try:
        while state not in rested:
            if state in path:
                model.check_standstill(state)
                break
            path[state] = ""
            following = next(model.steps(state), None)
            if following is None:
                if not (model.may_stop(state) and model.says_so(state)):
                    model.check_rest(state)
                break
            path[state], state = following
            model.check(state)
    except Violation as violation:
        raise _Unrest(begin, [f"left alone: {step}" for step in path.values() if step], str(violation)) from None
    rested.update(path)


def _wrong(model: Model, state: State) -> bool:
    try:
        model.check(state)
    except Violation:
        return True
    return False


def _told(
    found: Found, parents: dict[State, tuple[State, str] | None], state: State, more: list[str], why: str
) -> Found:
    history: list[str] = []
    at = parents[state]
    while at is not None:
        before, label = at
        history.append(label)
        at = parents[before]
    found.history = history[::-1] + more
    found.violation = why
    found.states = len(parents)
    return found
