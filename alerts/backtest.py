"""A history through the real detector, in memory: the same documents give the same alerts with the same ids every time.

Documents become visible at their event time, never earlier than the ones before them, exactly as in a replay through
the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.detector import spans
from alerts.evaluation import Entry, Evaluation
from alerts.rules import Rules
from contracts.messages import Rule, Score, Severity, Transition
from contracts.series import Count, counts, is_copy
from contracts.watchlist import WatchedEntity

CHUNK_DOCUMENTS = 2_000
REFERENCES_KEPT_S = 25 * 3600
DOCUMENTS_NAMED = 500  # as many as an alert keeps


@dataclass(frozen=True, slots=True)
class Counted:
    """A document as it counts.

    Attributes:
        document: its id.
        row: its line in the file, 0 if it came from elsewhere.
        published_ms: event time.
        copy: whether it counts as a copy.
        offset: share offset of the bundle that scored it.
        counts: what it adds to which series.
    """

    document: str
    row: int
    published_ms: int
    copy: bool
    offset: float
    counts: Sequence[Count]


def counted(score: Score, row: int = 0) -> Counted:
    """A score as it counts; a rejected one counts for nothing."""
    return Counted(score.document, row, score.published_ms, is_copy(score.position), score.share_offset, counts(score))


@dataclass(frozen=True, slots=True)
class BacktestAlert:
    """An alert that fired.

    Attributes:
        resolved_ms: None while it is open at the end of the history.
        negative, all, expected: counts of the deciding window when it fired, and the negative texts expected in it.
        score: S when it fired.
        documents, rows: what the deciding windows counted (negative texts, texts, or copies, by rule), from when it
            fired to its last transition: ids and line numbers, in order of becoming visible.
    """

    alert_id: str
    series: str
    rule: Rule
    onset_ms: int
    fired_ms: int
    resolved_ms: int | None
    severity: Severity
    negative: int
    all: int
    expected: float
    score: float
    peak: float
    why: str
    documents: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Reference:
    visible_s: int
    minute: int
    document: str
    row: int
    negative: bool
    copy: bool


@dataclass(slots=True)
class _Fired:
    first: Transition
    last: Transition
    references: dict[str, int] = field(default_factory=dict)


class Backtest:
    """Takes documents in the order of the history; `alerts` is what has fired so far.

    Args:
        rules: when to ring.
        watched: entity id -> what the watchlist says.
        learn_until_s: before this event second a history only teaches: its alerts are not in `alerts`.
        observe: told what an `Evaluation` observes.
    """

    def __init__(
        self,
        rules: Rules,
        watched: Mapping[str, WatchedEntity] | None = None,
        *,
        learn_until_s: int = 0,
        observe: Callable[[int, str, Rule, float], None] | None = None,
    ) -> None:
        self._states: dict[str, bytes] = {}
        self._evaluation = Evaluation(rules, watched or {}, self._states.get, None, observe=observe)
        self._learn_until_s = learn_until_s
        self._waiting: dict[str, tuple[str, dict[tuple[int, int], list[int]]]] = {}
        self._references: dict[str, deque[_Reference]] = {}
        self._fired: dict[str, _Fired] = {}
        self._seen_s = 0
        self._since_chunk = 0
        self.documents = 0
        self.steps = 0

    @property
    def alerts(self) -> list[BacktestAlert]:
        """What has fired, in the order of firing."""
        return [reported(fired.first, fired.last, fired.references) for fired in self._fired.values()]

    def add(self, document: Counted) -> None:
        """Count a document; alerts appear when a chunk of documents is full."""
        second = document.published_ms // 1000
        if second > self._seen_s:
            if self._since_chunk >= CHUNK_DOCUMENTS:
                self._advance(second - 1)
            self._seen_s = second
        self.documents += 1
        self._since_chunk += 1
        for count in document.counts:
            self._count(document, count)

    def finish(self) -> list[BacktestAlert]:
        """Evaluate what is still waiting; alerts that are open then stay open."""
        if self._waiting:
            self._advance(self._seen_s)
        return self.alerts

    def _count(self, document: Counted, count: Count) -> None:
        minute = min(document.published_ms // 60_000, self._seen_s // 60)
        _, entries = self._waiting.setdefault(count.series, (count.group, {}))
        sums = entries.setdefault((self._seen_s, minute), [0, 0, 0, 0, 0])
        if document.copy:
            sums[2] += 1
        else:
            sums[0] += 1
            sums[1] += count.negative
            sums[3] += round(count.p_negative * 1000)
            sums[4] += round(document.offset * 1000)
        self._references.setdefault(count.series, deque()).append(
            _Reference(self._seen_s, minute, document.document, document.row, count.negative, document.copy)
        )

    def _advance(self, until_s: int) -> None:
        entries = {
            series: (group, [Entry(second, minute, *sums) for (second, minute), sums in sorted(of_series.items())])
            for series, (group, of_series) in self._waiting.items()
        }
        began_s = self._evaluation.evaluated_until_s or 0
        outcome = self._evaluation.advance(entries, until_s, learn_until_s=self._learn_until_s)
        self._states.update(outcome.states)
        self.steps += outcome.steps
        for transition in outcome.drafts:
            self._take(transition)
        self._waiting.clear()
        self._since_chunk = 0
        for references in self._references.values():
            while references and references[0].visible_s < began_s - REFERENCES_KEPT_S:
                references.popleft()

    def _take(self, transition: Transition) -> None:
        fired = self._fired.get(transition.alert)
        if fired is None:
            if transition.state != "firing" or transition.learning:
                return
            fired = self._fired[transition.alert] = _Fired(transition, transition)
        fired.last = transition
        at_s = transition.at_ms // 1000
        _, begins = spans(at_s // 60, at_s // 60, (transition.evidence.window,))
        for one in self._references.get(transition.series, ()):
            if len(fired.references) >= DOCUMENTS_NAMED:
                break
            if begins[0] <= one.minute and one.visible_s <= at_s and _speaks(one, transition.rule):
                fired.references.setdefault(one.document, one.row)


def _speaks(reference: _Reference, rule: Rule) -> bool:
    if rule == "negative":
        return reference.negative and not reference.copy
    return reference.copy == (rule == "viral")


def reported(first: Transition, last: Transition, references: Mapping[str, int]) -> BacktestAlert:
    """An alert from the transition with which it fired, its last one, and what it counted (id -> row)."""
    window = next(one for one in first.evidence.windows if one.minutes == first.evidence.window)
    return BacktestAlert(
        alert_id=first.alert,
        series=first.series,
        rule=first.rule,
        onset_ms=first.onset_ms,
        fired_ms=first.at_ms,
        resolved_ms=last.resolved_ms,
        severity=last.severity,
        negative=window.negative,
        all=window.all,
        expected=window.expected_negative,
        score=first.score,
        peak=last.peak,
        why=first.why,
        documents=tuple(references),
        rows=tuple(references.values()),
    )


def run(
    documents: Iterable[Counted],
    rules: Rules | None = None,
    watched: Mapping[str, WatchedEntity] | None = None,
    *,
    learn_until_s: int = 0,
) -> list[BacktestAlert]:
    """The alerts of a history, in the order of firing.

    Args:
        documents: in the order in which the source gave them.
        rules: when to ring; default the rules' own defaults.
        watched: entity id -> what the watchlist says.
        learn_until_s: before this event second the history only teaches.
    """
    backtest = Backtest(rules or Rules(), watched, learn_until_s=learn_until_s)
    for document in documents:
        backtest.add(document)
    return backtest.finish()
