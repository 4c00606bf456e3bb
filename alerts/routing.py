"""Who gets an alert, and why: pure. The tree of `routes.yaml`, silences, inhibition and time intervals, in this order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.matchers import Labels, Matcher, all_match
from alerts.routes import InhibitRule, Route, Routes
from contracts.messages import Silence


@dataclass(frozen=True, slots=True)
class Target:
    """One sink that an alert goes to, with what its route says.

    Attributes:
        sink: name.
        place: of the route in the file: `route.routes[1]`.
        group: values of the labels that it is grouped by; None = it goes by itself.
        group_wait_s: how long a group waits for more.
        repeat_s: how often a firing one is told again, 0 = never.
        resolved: whether its end is told.
        muted: why the route's time intervals keep it back; empty = they do not.
    """

    sink: str
    place: str
    group: tuple[str, ...] | None
    group_wait_s: float
    repeat_s: float
    resolved: bool
    muted: str = ""


@dataclass(frozen=True, slots=True)
class _Inherited:
    sinks: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_s: float = 0.0
    repeat_s: float = 0.0
    resolved: bool = True
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()

    def then(self, route: Route) -> _Inherited:
        def own(value: list[str] | None, inherited: tuple[str, ...]) -> tuple[str, ...]:
            return inherited if value is None else tuple(value)

        return _Inherited(
            tuple(route.sinks) or self.sinks,
            own(route.group_by, self.group_by),
            self.group_wait_s if route.group_wait is None else route.group_wait,
            self.repeat_s if route.repeat_interval is None else route.repeat_interval,
            self.resolved if route.resolved is None else route.resolved,
            # As in Alertmanager, intervals hold for the route that names them, not for those below it.
            tuple(route.mute_time_intervals or ()),
            tuple(route.active_time_intervals or ()),
        )


def targets(routes: Routes, labels: Labels, now_ms: int) -> list[Target]:
    """The sinks that an alert with these labels goes to at this moment, each once: the first route that names it."""
    found: dict[str, Target] = {}
    for place, said in _leaves(routes.route, "route", _Inherited(), labels):
        muted = _muted(routes, said, now_ms)
        group = tuple(f"{name}={labels.get(name, '')}" for name in said.group_by) if said.group_by else None
        for sink in said.sinks:
            if sink not in found or (found[sink].muted and not muted):
                found[sink] = Target(sink, place, group, said.group_wait_s, said.repeat_s, said.resolved, muted)
    return list(found.values())


def _leaves(route: Route, place: str, above: _Inherited, labels: Labels) -> Iterable[tuple[str, _Inherited]]:
    said = above.then(route)
    taken = False
    for number, child in enumerate(route.routes):
        if all_match(child.matchers, labels):
            yield from _leaves(child, f"{place}.routes[{number}]", said, labels)
            taken = True
            if not child.go_on:
                break
    if not taken:
        yield place, said


def _muted(routes: Routes, said: _Inherited, now_ms: int) -> str:
    spans = {interval.name: interval.time_intervals for interval in routes.time_intervals}
    for name in said.mute:
        if any(span.holds(now_ms) for span in spans[name]):
            return f"muted during {name}"
    if said.active and not any(span.holds(now_ms) for name in said.active for span in spans[name]):
        return f"active only during {', '.join(said.active)}"
    return ""


def silenced(silences: Iterable[Silence], labels: Labels, now_ms: int) -> str:
    """The silence that holds for an alert now, as `who: comment`; empty when none does."""
    for silence in silences:
        if silence.starts_ms <= now_ms < silence.until_ms and all_match(
            [Matcher.parse(text) for text in silence.matchers], labels
        ):
            return f"{silence.by}: {silence.comment}" if silence.comment else silence.by
    return ""


def inhibited(rules: Iterable[InhibitRule], labels: Labels, firing: Mapping[str, Labels]) -> str:
    """The id of a firing alert that keeps this one back; empty when none does.

    Args:
        rules: of the file.
        labels: of the alert that would be told.
        firing: alert id -> labels, of all alerts that fire. An alert never inhibits itself, and one that matches both
            sides of a rule is not kept back by another that does, so that two cannot silence each other.
    """
    for rule in rules:
        if not all_match(rule.target_matchers, labels) or all_match(rule.source_matchers, labels):
            continue
        for alert, source in firing.items():
            if (
                alert != labels.get("alert")
                and all_match(rule.source_matchers, source)
                and all(source.get(name, "") == labels.get(name, "") for name in rule.equal)
            ):
                return alert
    return ""
