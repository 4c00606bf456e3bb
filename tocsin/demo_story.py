"""What the demo tells: its configuration, its alerts as lines and as a table. Pure: records and times in, text out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import yaml

from contracts.clock import DAY_MS
from contracts.evidence import WindowEvidence
from contracts.messages import Severity, Transition
from contracts.series import entity_of, topic_of

SOURCE = "crypto-2022"
LEARN_UNTIL = "2022-11-05T00:00:00Z"
WATCH_UNTIL = "2022-11-12T00:00:00Z"
WATCH_SPEED = 2880  # a day of the FTX collapse in half a minute
REST_SPEED = 28_800  # a day in three seconds
MERGE_ENTITY = "ethereum"
_STYLE: dict[Severity, str] = {"info": "dim", "warning": "yellow", "critical": "bold red"}


def sources_yaml(stream: Path) -> str:
    """The demo's `sources.yaml`: history at full speed, the days of FTX slowly enough to watch, then the rest."""
    source = {
        "name": SOURCE,
        "kind": "replay",
        "path": str(stream),
        "map": {"time": "ts", "source": "source", "title": "title"},
        "speed": REST_SPEED,
        "phases": [
            {"until": LEARN_UNTIL, "speed": 0},
            {"until": WATCH_UNTIL, "speed": WATCH_SPEED},
        ],
        "learn_until": LEARN_UNTIL,
    }
    return yaml.safe_dump({"sources": [source]}, sort_keys=False)


def shipped(name: str) -> Path:
    """A file of the shipped stream."""
    with as_file(files("tocsin").joinpath("streams", name)) as path:
        return Path(path)


def moment(ms: int) -> str:
    """Event time as people read it, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def subject(series: str, names: Mapping[str, str]) -> str:
    """Whom a series is about. `names`: entity id -> name."""
    entity, topic = entity_of(series), topic_of(series)
    parts = [names.get(entity, entity)] if entity else []
    if topic:
        parts.append(topic.replace("_", " "))
    return ", ".join(parts) or "all documents"


def span(minutes: int) -> str:
    """A window's length: `15 min`, `24 h`."""
    return f"{minutes // 60} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes} min"


def alert_line(transition: Transition, names: Mapping[str, str], desk: str) -> str:
    """One readable line for an alert that fires, with the address of its evidence (Rich markup)."""
    style = _STYLE[transition.severity]
    whom = subject(transition.series, names).replace("[", r"\[")
    window = decisive(transition)
    counts = f"{window.negative} of {window.all} texts negative in {span(window.minutes)}" if window else ""
    usual = f", {window.expected_negative:.1f} expected" if window else ""
    return (
        f"[{style}]{transition.severity:<8}[/] {moment(transition.at_ms)}  [bold]{whom}[/]: {counts}{usual}  "
        f"{desk}/alert/{transition.alert}"
    )


def decisive(transition: Transition) -> WindowEvidence | None:
    """The window that decided."""
    evidence = transition.evidence
    return next((window for window in evidence.windows if window.minutes == evidence.window), None)


@dataclass(slots=True)
class Story:
    """The alerts so far.

    Attributes:
        fired: alert id -> the transition with which it fired first.
        newest: alert id -> its newest transition.
    """

    fired: dict[str, Transition]
    newest: dict[str, Transition]

    def add(self, transition: Transition) -> bool:
        """Take note; True when the alert fires with this transition and pages."""
        known = self.newest.get(transition.alert)
        if known is not None and transition.number <= known.number:
            return False
        self.newest[transition.alert] = transition
        if transition.state != "firing" or transition.alert in self.fired:
            return False
        self.fired[transition.alert] = transition
        return transition.page

    def rows(self, names: Mapping[str, str]) -> list[tuple[str, ...]]:
        """The table of alerts, in the order in which they fired, as COLUMNS names them."""
        out: list[tuple[str, ...]] = []
        for alert, fired in sorted(self.fired.items(), key=lambda item: item[1].at_ms):
            last = self.newest[alert]
            window = decisive(fired)
            counts = f"{window.negative} of {window.all}" if window else ""
            usual = f"{window.expected_negative:.1f}" if window else ""
            within = span(window.minutes) if window else ""
            ended = moment(last.resolved_ms) if last.resolved_ms else "open"
            paged = "learning" if fired.learning else "paged" if fired.page else "recorded"
            whom = subject(fired.series, names)
            out.append(
                (
                    moment(fired.at_ms),
                    last.severity,
                    fired.rule,
                    whom,
                    counts,
                    within,
                    usual,
                    f"{fired.score:.1f}",
                    ended,
                    paged,
                )
            )
        return out


COLUMNS = ("fired (UTC)", "severity", "rule", "whom", "negative", "in", "expected", "S", "ended (UTC)", "told")


@dataclass(frozen=True, slots=True)
class Crisis:
    """A line of known_events.csv. `negative`: whether it must ring."""

    entity: str
    day_ms: int
    what: str
    negative: bool


def read_crises(path: Path) -> list[Crisis]:
    """The known events of the stream."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Crisis(
                row["entity"],
                int(datetime.fromisoformat(row["day"]).replace(tzinfo=UTC).timestamp() * 1000),
                row["what"],
                row["polarity"] == "negative",
            )
            for row in csv.DictReader(file)
        ]


Rang = tuple[str, str, int, int | None]  # series, rule, fired_ms, resolved_ms (None while open)


def rang(crisis: Crisis, alerts: Iterable[Rang], entity: str) -> str | None:
    """When a `negative` alert on an entity rang for a crisis, or None.

    Args:
        crisis: the day it broke.
        alerts: (series, rule, fired_ms, resolved_ms or None while open).
        entity: its id on the watchlist.

    An alert counts that fired from a day before to a day after, or was still open then; for a control day the same
    span tells whether it stayed silent.
    """
    begin, end = crisis.day_ms - DAY_MS, crisis.day_ms + 2 * DAY_MS
    for series, rule, fired_ms, resolved_ms in sorted(alerts, key=lambda alert: alert[2]):
        if rule != "negative" or entity_of(series) != entity:
            continue
        if fired_ms < end and (resolved_ms is None or resolved_ms >= begin):
            return moment(fired_ms)
    return None


def crisis_rows(crises: Iterable[Crisis], alerts: list[Rang], ids: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """The table of known events: day, whom, what, what it must do, what it did. `ids`: name -> entity id."""
    rows = []
    for crisis in crises:
        name = crisis.entity if crisis.negative else "Ethereum"
        when = rang(crisis, alerts, ids.get(name, name.lower().replace(" ", "-")))
        wanted = "must ring" if crisis.negative else "must stay silent"
        good = (when is not None) == crisis.negative
        did = f"rang {when}" if when else "silent"
        rows.append((moment(crisis.day_ms)[:10], crisis.entity, crisis.what, wanted, did, "yes" if good else "NO"))
    return rows
