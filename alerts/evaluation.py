"""The state machine that turns counts into alerts: pure, driven by what became visible and by time that passed.

The evaluator, the backtest and the simulator run this same code. Everything that happens is ordered by event seconds:

1. at each full minute, pending and firing alerts whose group has data are told that a minute passed (by series name);
2. then the series that received documents in a second take a step each (by series name): windows take the counts, the
   detector looks at the windows that end now, and at those that end at a late document, and the alert takes its step;
3. a series' baseline folds a visible minute when the series is next touched after it; a group's clock is advanced when its
   group is touched.

Nothing happens because a call ended, so `advance(a); advance(b)` equals `advance(b)`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts import detector, explain
from alerts.baseline import Baseline, Known
from alerts.detector import LEARNED_UNIT, Look, Strongest, Test
from alerts.entries import Entry, by_minute, by_second
from alerts.lifecycle import FIRING, NONE, Alert, Now, Step, cadence
from alerts.rules import Rules, RuleSettings
from alerts.season import LEARN_MINUTES, GroupClock
from alerts.state import Book, SeriesState, unpack_book, unpack_series
from alerts.tails import decay
from alerts.windows import Windows
from contracts.errors import Inconsistent
from contracts.messages import Rule, Transition
from contracts.series import ALL, entity_of, topic_of
from contracts.watchlist import WatchedEntity

__all__ = ["Entry", "Evaluation", "Outcome"]

CACHED_SERIES = 200_000
FIRST_DAY_MINUTES = 1440
DECIDED: tuple[Rule, ...] = ("negative", "volume", "viral")


@dataclass(slots=True)
class Outcome:
    """What an advance changed.

    Attributes:
        states: series -> its packed state, for the series that changed.
        book: the packed book.
        drafts: transitions in the order in which they happened; their evidence has no documents yet.
        steps: how many series steps were evaluated.
    """

    states: dict[str, bytes]
    book: bytes
    drafts: list[Transition] = field(default_factory=list)
    steps: int = 0


class Evaluation:
    """Evaluates all series from a book and the states that `load` returns.

    Args:
        rules: when to ring.
        watched: entity id -> what the watchlist says.
        load: returns the packed state of a series or None; called once for a series while it is cached.
        book: the packed book, None on a new installation.
        cached: how many decoded states are kept between two calls of `advance`.
        observe: told (second, series, rule, S) of alerts that fire, whenever a text came; S of slow windows is put on the
            scale of the others. With low thresholds it says what any higher one would have rung for: for fitting them and
            for benchmarks. Deciding does not depend on it.

    Raises:
        Inconsistent: the book has another layout.
    """

    def __init__(
        self,
        rules: Rules,
        watched: Mapping[str, WatchedEntity],
        load: Callable[[str], bytes | None],
        book: bytes | None,
        *,
        cached: int = CACHED_SERIES,
        observe: Callable[[int, str, Rule, float], None] | None = None,
    ) -> None:
        self._watched = watched
        self._names = {entity.id: entity.name for entity in watched.values()}
        self._load = load
        self._cached = cached
        self._observe = observe
        self._book = Book() if book is None else unpack_book(book)
        self._states: dict[str, SeriesState] = {}
        self._changed: set[str] = set()
        self._drafts: list[Transition] = []
        self._steps = 0
        self._page = True
        self.use(rules)

    def use(self, rules: Rules) -> None:
        """From now on ring by these rules. Alerts that they would not have opened are forgotten, the others go on."""
        self._rules = rules
        self._least = rules.least
        self._all_alike = rules.of(ALL) if not rules.entities and not rules.topics else None
        self._own: dict[str, dict[Rule, RuleSettings]] = {}
        for series in [*self._states]:
            state = self._states[series]
            for rule, alert in state.alerts.items():
                if alert.state != NONE and alert.peak < self._settings(series)[rule].open_at(alert.window):
                    alert.state, alert.ended_s = NONE, 0
            if series in self._book.open and not any(one.open for one in state.alerts.values()):
                del self._book.open[series]

    def _settings(self, series: str) -> dict[Rule, RuleSettings]:
        """The rules as they hold for a series."""
        if self._all_alike is not None:
            return self._all_alike
        own = self._own.get(series)
        if own is None:
            own = self._own[series] = self._rules.of(series)
        return own

    @property
    def evaluated_until_s(self) -> int | None:
        """Event second up to which everything has been evaluated, None on a new installation."""
        return self._book.evaluated_until_s

    @property
    def open_series(self) -> list[str]:
        """Series with a pending or firing alert."""
        return sorted(self._book.open)

    def advance(
        self,
        entries: Mapping[str, tuple[str, Sequence[Entry]]],
        until_s: int,
        *,
        learn_until_s: int = 0,
        page: bool = True,
    ) -> Outcome:
        """Evaluate up to and including the event second `until_s`.

        Args:
            entries: series -> (group, its entries that became visible after the last advance and by `until_s`).
            until_s: everything visible by then is in `entries`.
            learn_until_s: nothing before this event second pages anyone.
            page: False while a backlog is caught up.

        Raises:
            Inconsistent: time runs back, or an entry becomes visible after `until_s`.
        """
        book = self._book
        since = book.evaluated_until_s
        if since is not None and until_s < since:
            raise Inconsistent(f"evaluated until second {since} already, asked to go back to {until_s}")
        book.learn_until_s = max(book.learn_until_s, learn_until_s)
        self._page, self._drafts, self._steps = page, [], 0
        self._changed.clear()
        if page and since is not None:
            self._tell_what_is_owed(since)
        seconds = by_second(entries, since, until_s)
        for second in sorted(seconds):
            if book.first_minute is None:
                book.first_minute = second // 60
            self._pass_minutes(second)
            for series, group, batch in sorted(seconds[second], key=lambda one: one[0]):
                self._step(second, series, group, batch)
            book.evaluated_until_s = second
        self._pass_minutes(until_s)
        book.evaluated_until_s = until_s
        states = {series: self._states[series].pack() for series in sorted(self._changed)}
        if len(self._states) > self._cached:
            self._states = {series: self._states[series] for series in self._changed}
        return Outcome(states, book.pack(), self._drafts, self._steps)

    def _now(self, second: int) -> Now:
        return Now(second, learning=second < self._book.learn_until_s, page=self._page)

    def _clock(self, group: str, minute: int) -> GroupClock:
        clock = self._book.clocks.get(group)
        if clock is None:
            first = minute if self._book.first_minute is None else self._book.first_minute
            clock = self._book.clocks[group] = GroupClock(first, shared=group != ALL and not group.startswith("topic:"))
        clock.advance(minute)
        return clock

    def _state(self, series: str, clock: GroupClock) -> SeriesState:
        state = self._states.get(series)
        if state is None:
            packed = self._load(series)
            state = self._new(series, clock) if packed is None else unpack_series(series, packed)
            self._states[series] = state
        return state

    def _new(self, series: str, clock: GroupClock) -> SeriesState:
        if _counts_for_group(series):
            clock.series += 1
        baseline = Baseline(clock, self._watched_since(series, clock))
        return SeriesState(Windows(clock.minute), baseline, {})

    def _watched_since(self, series: str, clock: GroupClock) -> int | None:
        """Epoch minute since when silence counts: the watchlist's word, else the installation's first minute."""
        entity = entity_of(series)
        if entity is None:
            return clock.start if series == ALL or topic_of(series) else None
        watched = self._watched.get(entity)
        return clock.start if watched is None or watched.since_ms is None else watched.since_ms // 60_000

    def _step(self, second: int, series: str, group: str, batch: Sequence[Entry]) -> None:
        """A series received documents in this second."""
        self._steps += 1
        minute = second // 60
        clock = self._clock(group, minute)
        state = self._state(series, clock)
        self._changed.add(series)
        windows, baseline = state.windows, state.baseline
        windows.compact(minute)
        baseline.fold(clock)
        known = baseline.known(clock)
        merged = by_minute(batch, minute)
        fresh = negatives = copies = distinct_texts = 0
        weighted = weighted_negative = 0.0
        late: list[int] = []
        for at, (distinct, negative, copied, _, offset) in merged:
            distinct_texts += distinct
            weight = decay(minute - at, LEARN_MINUTES)
            weighted += weight * distinct
            weighted_negative += weight * (negative - offset / 1000.0)
            if at < minute - detector.LATE_TESTED_MINUTES:
                continue  # it counts and teaches, but so late a text rings no bell
            fresh += distinct
            negatives += negative
            copies += copied
            if negative and at < minute:
                late.append(at)
        kept = baseline.note(clock, known, weighted, weighted_negative)
        per_text = kept / distinct_texts * LEARNED_UNIT if distinct_texts else 0.0
        for at, sums in merged:
            windows.add(at, *sums, round(per_text * sums[0]))
        if _counts_for_group(series):
            clock.open_texts += kept
        if not fresh and not copies:
            return
        now = self._now(second)
        looks: Sequence[Look] | None = None
        rules = self._settings(series)
        for rule, came in zip(DECIDED, (negatives, fresh, copies), strict=True):
            if (not came and rule not in state.alerts) or not _grown_up(rule, series, clock):
                continue
            settings = rules[rule]
            found = Strongest(None, 0, 0.0)
            if came and settings.enabled:
                if looks is None:
                    looks = detector.look(windows, known, clock, minute, self._least)
                found = detector.strongest(rule, looks, settings, detector.slices_of(series))
                for end in late if rule == "negative" else ():
                    before = detector.look(windows, known, clock, end, self._least)
                    then = detector.strongest(rule, before, settings, detector.slices_of(series))
                    found = found.or_then(then)
            if found.rang or rule in state.alerts:
                self._decide(now, rule, series, group, state, known, clock, found)

    def _decide(
        self,
        now: Now,
        rule: Rule,
        series: str,
        group: str,
        state: SeriesState,
        known: Known,
        clock: GroupClock,
        found: Strongest,
    ) -> None:
        """Give the alert of this rule its S, and write down the steps that it takes."""
        settings = self._settings(series)[rule]
        alert = state.alerts.get(rule)
        if alert is None:
            alert = Alert(rule)
        if not alert.open and self._explained(rule, series):
            return
        state.alerts[rule] = alert
        test = found.test
        score, onset, severity = 0.0, 0, alert.severity
        if test is not None:
            score = test.score
            onset = detector.onset(test, state.windows, clock)
            severity = detector.severity(rule, score, settings.open_at(test.minutes), test.counts[1])
        for step in alert.scored(settings, now, score, found.rang, onset, severity, found.fast):
            self._write(step, series, group, state, alert, known, clock, test)
        if self._observe is not None and test is not None and alert.state == FIRING:
            self._observe(now.at_s, series, rule, score + settings.open - settings.open_at(test.minutes))

    def _explained(self, rule: Rule, series: str) -> bool:
        """An entity's topic does not ring while the entity itself rings: the same documents would ring twice."""
        parent, pair, _ = series.partition("/topic:")
        if not pair or parent not in self._book.open or parent not in self._states:
            return False
        alert = self._states[parent].alerts.get(rule)
        return alert is not None and alert.open

    def _pass_minutes(self, until_s: int) -> None:
        """Tell open alerts of every full minute after what has been evaluated, up to `until_s`."""
        book = self._book
        if book.evaluated_until_s is None or not book.open:
            return
        for minute in range(book.evaluated_until_s // 60 + 1, until_s // 60 + 1):
            if not book.open:
                return
            alive = False
            for series, group in sorted(book.open.items()):
                # A clock that stands still is not even asked: where it is advanced must not depend on who looks.
                if book.clocks[group].live and self._clock(group, minute).live:
                    alive = True
                    self._pass_minute(minute, series, group, book.clocks[group])
            if not alive:
                # Only documents can bring a group back, and there are none before `until_s`.
                return

    def _pass_minute(self, minute: int, series: str, group: str, clock: GroupClock) -> None:
        state = self._state(series, clock)
        known: Known | None = None
        for rule, alert in state.alerts.items():
            if not alert.open:
                continue
            settings = self._settings(series)[rule]
            now = self._now(minute * 60)
            self._changed.add(series)
            test: Test | None = None
            if minute % cadence(alert.window) == 0 or alert.held_until(settings) < now.at_s:
                state.windows.compact(minute)
                state.baseline.fold(clock)
                known = known or state.baseline.known(clock)
                test = detector.again(
                    rule, alert.window, state.windows, known, clock, settings.minimum, detector.slices_of(series)
                )
            for step in alert.passed(settings, now, None if test is None else test.score):
                state.windows.compact(minute)
                state.baseline.fold(clock)
                known = known or state.baseline.known(clock)
                self._write(step, series, group, state, alert, known, clock, test)
                if self._observe is not None and step.state == "firing":
                    self._observe(
                        minute * 60, series, rule, alert.peak + settings.open - settings.open_at(alert.window)
                    )

    def _tell_what_is_owed(self, since: int) -> None:
        """Catching up is over: what fired meanwhile and still does is told now."""
        now = self._now(since)
        for series, group in sorted(self._book.open.items()):
            clock = self._book.clocks[group]
            state = self._state(series, clock)
            for alert in state.alerts.values():
                for step in alert.caught_up(now):
                    self._changed.add(series)
                    known = state.baseline.known(clock)
                    self._write(step, series, group, state, alert, known, clock, None)

    def _write(
        self,
        step: Step,
        series: str,
        group: str,
        state: SeriesState,
        alert: Alert,
        known: Known,
        clock: GroupClock,
        test: Test | None,
    ) -> None:
        """A step becomes a transition."""
        book, settings = self._book, self._settings(series)[alert.rule]
        if any(one.open for one in state.alerts.values()):
            book.open[series] = group
        else:
            book.open.pop(series, None)
        if test is None or (step.state != "resolved" and test.score < settings.close):
            test = detector.again(
                alert.rule, alert.window, state.windows, known, clock, settings.minimum, detector.slices_of(series)
            )
        name = explain.name_of(series, self._names)
        self._drafts.append(
            explain.draft(step, alert, series, group, name, test, state.windows, known, clock, settings)
        )


def _grown_up(rule: Rule, series: str, clock: GroupClock) -> bool:
    """Whether there is enough to compare with.

    On a new installation topics and the whole are as busy as they are, and mornings look like floods: for its first day
    only companies are watched, and only for the rule `negative`.
    """
    return clock.age >= FIRST_DAY_MINUTES or (rule == "negative" and entity_of(series) is not None)


def _counts_for_group(series: str) -> bool:
    """Pairs count documents that their entity counts already."""
    return "/topic:" not in series
