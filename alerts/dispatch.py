"""What one sink is told, and when: pure. Grouping, the storm guard, repetition, silences, acknowledgements, inhibition.

A transition is told at once, held for a group or a storm's digest, or dropped with a reason. What is held is a due time and a
bucket; the shell keeps it in Redis, so that nothing held is lost in a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alerts.matchers import labels_of
from alerts.routes import Routes
from alerts.routing import Target, inhibited, silenced, targets
from alerts.sinks.sink import Kind
from contracts.messages import Silence, Transition

ENDED = ("resolved", "withdrawn")


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to a transition at one sink.

    Attributes:
        action: `send` now, `hold` in a bucket, or `drop`.
        why: for the log, the metric and `tocsin routes test`: one word of `reason`, then the sentence.
        reason: sent, grouped, storm, not_routed, not_for_people, muted, silenced, inhibited, acknowledged, untold, repeat.
        bucket: where it is held: `group|...` or `storm|...`.
        due_ms: when the bucket is sent.
    """

    action: Literal["send", "hold", "drop"]
    reason: str
    why: str = ""
    bucket: str = ""
    due_ms: int = 0


@dataclass(slots=True)
class Circumstances:
    """What the world says about alerts, as far as this process has read it.

    Attributes:
        firing: alert id -> newest transition, of alerts that fire.
        acknowledged: alert id -> by whom.
        silences: silence id -> silence.
    """

    firing: dict[str, Transition] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)

    def note(self, transition: Transition) -> None:
        """A step of an alert was read."""
        if transition.state == "firing":
            self.firing[transition.alert] = transition
        elif transition.state in ENDED:
            self.firing.pop(transition.alert, None)


class Dispatch:
    """Decides for one sink.

    Args:
        sink: its name.
        routes: the file.
        rung_ms: wall times at which newly firing alerts were told by themselves, as far as they are remembered.
    """

    def __init__(self, sink: str, routes: Routes, rung_ms: Sequence[int] = ()) -> None:
        self._sink = sink
        self._routes = routes
        self._rung: deque[int] = deque(rung_ms)
        self._storm_until_ms = 0

    def target(self, transition: Transition, now_ms: int) -> Target | None:
        """The route by which a transition comes to this sink."""
        return next((t for t in targets(self._routes, labels_of(transition), now_ms) if t.sink == self._sink), None)

    def decide(
        self, transition: Transition, world: Circumstances, now_ms: int, told: int, open_bucket: Mapping[str, int]
    ) -> Decision:
        """What to do with a step of an alert.

        Args:
            transition: the step.
            world: silences, acknowledgements, what fires.
            now_ms: wall time.
            told: number of the last step of this alert that this sink was told; 0 = it knows nothing of it.
            open_bucket: bucket -> due time, of what is held already.
        """
        if not transition.page or transition.state == "pending":
            return Decision("drop", "not_for_people", "recorded only")
        if told >= transition.number:
            return Decision("drop", "repeat", "this sink has it")
        target = self.target(transition, now_ms)
        if target is None:
            return Decision("drop", "not_routed", "no route leads here")
        if transition.state in ENDED:
            if not told:
                return Decision("drop", "untold", "it was never told that it rang")
            if not target.resolved and transition.state == "resolved":
                return Decision("drop", "not_routed", "the route does not tell ends")
            return Decision("send", "sent", target.place)
        kept = self._kept_back(transition, target, world, now_ms)
        if kept is not None:
            return kept
        if transition.severity != "critical" and self._storm(now_ms):
            bucket = f"storm|{self._sink}"
            return Decision("hold", "storm", "storm", bucket, open_bucket.get(bucket, self._storm_until_ms))
        if target.group is not None and target.group_wait_s > 0 and transition.severity != "critical":
            bucket = f"group|{target.place}|{'|'.join(target.group)}"
            due = open_bucket.get(bucket, now_ms + int(target.group_wait_s * 1000))
            return Decision("hold", "grouped", target.place, bucket, due)
        return Decision("send", "sent", target.place)

    def rang(self, now_ms: int) -> None:
        """A newly firing alert was told by itself: it counts towards a storm."""
        self._rung.append(now_ms)

    def repeats(self, world: Circumstances, last_ms: Mapping[str, int], now_ms: int) -> list[tuple[Transition, Target]]:
        """Firing alerts that are due to be told again. `last_ms`: alert id -> wall time of its last notice here."""
        due = []
        for alert, transition in sorted(world.firing.items()):
            if alert not in last_ms:
                continue
            target = self.target(transition, now_ms)
            if target is None or not target.repeat_s or now_ms < last_ms[alert] + target.repeat_s * 1000:
                continue
            if self._kept_back(transition, target, world, now_ms) is None:
                due.append((transition, target))
        return due

    def _kept_back(self, transition: Transition, target: Target, world: Circumstances, now_ms: int) -> Decision | None:
        labels = labels_of(transition)
        if target.muted:
            return Decision("drop", "muted", target.muted)
        by = silenced(world.silences.values(), labels, now_ms)
        if by:
            return Decision("drop", "silenced", f"silenced by {by}")
        if transition.alert in world.acknowledged:
            return Decision("drop", "acknowledged", f"acknowledged by {world.acknowledged[transition.alert]}")
        firing = {alert: labels_of(each) for alert, each in world.firing.items()} if self._routes.inhibit_rules else {}
        other = inhibited(self._routes.inhibit_rules, labels, firing)
        return Decision("drop", "inhibited", f"while {other} fires") if other else None

    def _storm(self, now_ms: int) -> bool:
        storm = self._routes.storm
        while self._rung and self._rung[0] <= now_ms - storm.within * 1000:
            self._rung.popleft()
        if now_ms < self._storm_until_ms:
            return True
        if len(self._rung) < storm.alerts:
            return False
        self._storm_until_ms = now_ms + int(min(storm.within, STORM_DIGEST_S) * 1000)
        return True


STORM_DIGEST_S = 60.0  # a storm's digest is not held longer than this: its readers want to know how big it is


def bucket_kind(bucket: str) -> Kind:
    """The kind of notice that a bucket becomes."""
    return "storm" if bucket.startswith("storm|") else "group"
