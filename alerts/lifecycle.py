"""The life of an alert: pending, firing, resolved. Pure; time comes in as event seconds.

```
            S >= open + 1
  none ───────────────────────────────► firing ──── quiet long enough ────► resolved (cooling down)
    └─ S >= open ─► pending ─ confirmed ─┘  └─ S >= told + worse: told again, once
                       └─ not confirmed ─► resolved without having fired
```
- A pending alert waits 2 minutes for one more distinct text that keeps S at `open` or above. One of a slow window, whose
  texts come hours apart, waits 20 minutes instead and fires unless S has fallen below `close`: a story that everybody
  repeats has shown its copies by then.
- A firing alert follows the longest window that reached its threshold, and is quiet while the S of that window is below
  `close`; it resolves after 30 quiet minutes, counted only while data comes in. So one crisis is one alert: where a day's
  texts are what is unusual, it lasts until the day has passed, about 25 hours after the last of them.
- A resolved one stays silent for an hour unless S exceeds its peak by `worse`; a new one always has a later onset.
- What fires while a replay teaches never pages, unless it becomes worse afterwards. What fires while a backlog is caught
  up pages when the catching up ends with it still firing; if it is over by then, it is `late`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from alerts.rules import HOUR, RuleSettings
from contracts.messages import Rule, Severity, State

SLOW_HOLD_S = 1200
NONE, PENDING, FIRING, COOLING = range(4)
RULES: tuple[Rule, ...] = ("negative", "volume", "viral", "market", "source")
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_LAYOUT = Struct("<BBBB6IHddd")
ALERT_BYTES = _LAYOUT.size
_TOLD, _OWED, _TAUGHT, _UPDATED = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Step:
    """One step in an alert's life, to become a transition."""

    state: State
    at_s: int
    page: bool
    late: bool
    learning: bool


@dataclass(frozen=True, slots=True)
class Now:
    """When a step is decided, and who may be disturbed.

    Attributes:
        at_s: event time, epoch seconds.
        learning: within the part of a replay that only teaches.
        page: False while a backlog is caught up.
    """

    at_s: int
    learning: bool
    page: bool


class Alert:
    """The alert of one series and rule, open or last.

    Attributes:
        state: NONE, PENDING, FIRING or COOLING.
        onset: epoch minute; identifies the alert together with series and rule. 0 = there has been none.
        number: of the last transition.
        since_s: when it became pending, or fired, or ended.
        fired_s, ended_s: event time of firing and of the end, 0 = not yet.
        quiet: live minutes without S of at least `close`.
        window: minutes of the window that it follows: the longest that reached its threshold last.
        score: S when it fired (when pending, until then).
        peak: highest S.
        told: S that was last announced.
        told_to, owed, taught, updated: it has been paged; it is owed a page once caught up; it fired while a replay
            taught; it has been announced again.
    """

    __slots__ = (
        "ended_s", "fired_s", "number", "onset", "owed", "peak", "quiet", "rule", "score", "severity", "since_s",
        "state", "taught", "told", "told_to", "updated", "window",
    )  # fmt: skip

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.severity: Severity = "info"
        self.state = NONE
        self.onset = self.number = self.since_s = self.fired_s = self.ended_s = self.quiet = self.window = 0
        self.score = self.peak = self.told = 0.0
        self.told_to = self.owed = self.taught = self.updated = False

    @property
    def open(self) -> bool:
        """Whether it is pending or firing."""
        return self.state in (PENDING, FIRING)

    @property
    def _slow(self) -> bool:
        return self.window > HOUR

    def held_until(self, settings: RuleSettings) -> int:
        """Event second until which a pending alert waits; what is not pending waits for nothing (a time never reached)."""
        if self.state != PENDING:
            return 1 << 62
        return self.since_s + (SLOW_HOLD_S if self._slow else settings.hold_s)

    def scored(
        self,
        settings: RuleSettings,
        now: Now,
        score: float,
        rang: int,
        onset: int,
        severity: Severity,
        fast: float | None = None,
    ) -> list[Step]:
        """Documents came and this is the S they make.

        Args:
            settings: of the rule.
            now: the second they became visible.
            score: S, 0 when nothing was tested.
            rang: minutes of the longest window that reached its threshold, 0 when none did.
            onset: the minute in which the excess began.
            severity: what S and breadth amount to.
            fast: S of the strongest window of up to an hour that reached its threshold, 0 when none did; by default S
                where the longest is such a window.
        """
        if fast is None:
            fast = score if 0 < rang <= HOUR else 0.0
        steps: list[Step] = []
        if self.state == PENDING and now.at_s > self.held_until(settings) and not (self._slow and rang):
            steps.append(self._drop(now))
        if self.state == PENDING:
            if fast or (rang and now.at_s > self.held_until(settings)):
                self._heat(score, rang, severity)
                steps.append(self._fire(now))
        elif self.state == FIRING:
            if score >= settings.close:
                self.quiet = 0
                worse = score >= self.told + settings.worse
                self._heat(score, rang, severity)
                if worse and (not self.updated or (self.taught and not now.learning and not self.told_to)):
                    steps.append(self._update(now))
        elif rang and (onset := max(onset, self.onset + 1)) * 60 <= now.at_s:
            over = self.state == NONE or now.at_s >= self.ended_s + settings.cooldown_minutes * 60
            if over or score >= self.peak + settings.worse:
                self._begin(onset, score, rang, severity, now)
                if fast >= settings.open + 1.0:
                    steps.append(self._fire(now))
                else:
                    steps.append(self._step("pending", now, page=False))
        return steps

    def passed(self, settings: RuleSettings, now: Now, score: float | None) -> list[Step]:
        """A minute passed in which data came in (minutes of missing data are not told to an alert).

        Args:
            settings: of the rule.
            now: the minute's begin.
            score: S of the alert's window as it stands; None when it was not looked at this minute.
        """
        if self.state == PENDING and now.at_s > self.held_until(settings):
            confirmed = self._slow and score is not None and score >= settings.close
            return [self._fire(now) if confirmed else self._drop(now)]
        if self.state != FIRING or score is None:
            return []
        if score >= settings.close:
            self.quiet = 0
            return []
        self.quiet = min(self.quiet + cadence(self.window), 0xFFFF)
        if self.quiet < settings.quiet_minutes or now.at_s < self.fired_s + settings.minimum_open_minutes * 60:
            return []
        self.state, self.ended_s = COOLING, now.at_s
        return [self._step("resolved", now, page=self.told_to, late=self.owed)]

    def caught_up(self, now: Now) -> list[Step]:
        """The backlog is gone: what fired meanwhile and still does is told now."""
        if self.state != FIRING or not self.owed or now.learning or not now.page:
            return []
        self.owed, self.told_to, self.told = False, True, self.peak
        return [self._step("firing", now, page=True)]

    def _begin(self, onset: int, score: float, window: int, severity: Severity, now: Now) -> None:
        self.state, self.onset, self.number, self.since_s = PENDING, onset, 0, now.at_s
        self.fired_s = self.ended_s = self.quiet = 0
        self.score = self.peak = self.told = score
        self.window, self.severity = window, severity
        self.told_to = self.owed = self.taught = self.updated = False

    def _heat(self, score: float, rang: int, severity: Severity) -> None:
        self.window = rang or self.window
        self.peak = max(self.peak, score)
        if SEVERITIES.index(severity) > SEVERITIES.index(self.severity):
            self.severity = severity

    def _fire(self, now: Now) -> Step:
        self.state, self.fired_s, self.since_s = FIRING, now.at_s, now.at_s
        self.score = self.told = self.peak
        self.taught = now.learning
        return self._announce(now)

    def _update(self, now: Now) -> Step:
        self.told = self.peak
        # What is told while learning is told to nobody: the one update stays due.
        self.updated = not now.learning
        return self._announce(now)

    def _announce(self, now: Now) -> Step:
        page = now.page and not now.learning
        self.told_to = self.told_to or page
        self.owed = not page and not now.learning
        return self._step("firing", now, page=page)

    def _drop(self, now: Now) -> Step:
        self.state, self.ended_s = NONE, now.at_s
        return self._step("resolved", now, page=False)

    def _step(self, state: State, now: Now, *, page: bool, late: bool = False) -> Step:
        self.number += 1
        return Step(state, now.at_s, page=page, late=late, learning=now.learning)

    def pack(self) -> bytes:
        """Everything, exactly."""
        flags = (_TOLD * self.told_to) | (_OWED * self.owed) | (_TAUGHT * self.taught) | (_UPDATED * self.updated)
        return _LAYOUT.pack(
            RULES.index(self.rule), SEVERITIES.index(self.severity), self.state, flags,
            self.onset, self.number, self.since_s, self.fired_s, self.ended_s, self.window, self.quiet,
            self.score, self.peak, self.told,
        )  # fmt: skip


def unpack_alert(packed: bytes, place: int = 0) -> Alert:
    """The inverse of `Alert.pack`."""
    (
        rule, severity, state, flags, onset, number, since_s, fired_s, ended_s, window, quiet, score, peak, told,
    ) = _LAYOUT.unpack_from(packed, place)  # fmt: skip
    alert = Alert(RULES[rule])
    alert.severity, alert.state = SEVERITIES[severity], state
    alert.onset, alert.number, alert.since_s, alert.fired_s, alert.ended_s = onset, number, since_s, fired_s, ended_s
    alert.window, alert.quiet, alert.score, alert.peak, alert.told = window, quiet, score, peak, told
    alert.told_to, alert.owed = bool(flags & _TOLD), bool(flags & _OWED)
    alert.taught, alert.updated = bool(flags & _TAUGHT), bool(flags & _UPDATED)
    return alert


def cadence(window: int) -> int:
    """How many minutes lie between two looks at an open alert's window: 1 up to an hour's, then 6 (6 h) and 24 (24 h)."""
    return max(1, window // 60)
