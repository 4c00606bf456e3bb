"""Counts per minute through the real detector, in memory and in one pass: the same file gives the same alerts.

A minute becomes visible with its last second. Every series is taken for one that has been watched from the file's first
minute, so that its silence counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from alerts.backtest import DOCUMENTS_NAMED, BacktestAlert, reported
from alerts.budget import Heights, fitted, listening
from alerts.counts import Row, Shape, moment, read
from alerts.detector import spans
from alerts.entries import Entry
from alerts.evaluation import Evaluation
from alerts.rules import Rules
from alerts.windows import KEPT_MINUTES
from contracts.errors import UserError
from contracts.messages import Rule, Transition
from contracts.series import ALL

CHUNK_ROWS = 20_000
DAY_S = 86_400
FIT_DAYS = 3
FIT_FROM = 1 / 3  # of a history: before that, its baselines know too little to fit thresholds on
_OWN = "entity:"


class CountsBacktest:
    """Takes rows in the order of time; `alerts` is what has fired so far.

    Args:
        rules: when to ring.
        first: the history's first epoch minute.
        learn_until: epoch minute before which it only teaches: alerts until then are not in `alerts`.
        budget: alerts a day over all series: when learning ends, the thresholds are fitted to it on what was learned from.
        observe: told what an `Evaluation` observes.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        first: int,
        learn_until: int = 0,
        budget: float | None = None,
        observe: Callable[[int, str, Rule, float], None] | None = None,
    ) -> None:
        self.rules = rules
        self.rows = 0
        self._learn_until = learn_until
        self._budget = budget
        self._heights = Heights(from_s=fit_from_s(first, max(first, learn_until)))
        self._taught = budget is None
        self._seen_minute = first
        self._states: dict[str, bytes] = {}
        self._evaluation = Evaluation(
            rules if budget is None else listening(rules),
            {},
            self._states.get,
            None,
            observe=observe if budget is None else self._heights.observe,
        )
        self._waiting: dict[str, tuple[str, list[Entry]]] = {}
        self._in_chunk = 0
        self._names: dict[str, str] = {}
        self._references: dict[str, deque[tuple[int, int, bool, bool]]] = {}
        self._fired: dict[str, tuple[Transition, Transition, dict[str, int]]] = {}

    @property
    def alerts(self) -> list[BacktestAlert]:
        """What has fired, in the order of firing, under the names that the file has."""
        found = map(self._report, self._fired.values())
        return [replace(alert, series=self._names.get(alert.series, alert.series)) for alert in found]

    @property
    def count(self) -> int:
        """How many have fired."""
        return len(self._fired)

    def add(self, line: int, row: Row) -> None:
        """Count a row; alerts appear when a chunk of rows is full."""
        if row.minute > self._seen_minute:
            if not self._taught and row.minute >= self._learn_until:
                self._fit()
            elif self._in_chunk >= CHUNK_ROWS:
                self._advance(row.minute * 60 - 1)
            self._seen_minute = row.minute
        self.rows += 1
        self._in_chunk += 1
        series = row.series
        if series != ALL and not series.startswith((_OWN, "topic:")):
            series = _OWN + series
            self._names[series] = row.series
        entry = Entry(row.minute * 60 + 59, row.minute, row.all, row.negative, row.copies, 1000 * row.negative, 0)
        self._waiting.setdefault(series, (row.group, []))[1].append(entry)
        if row.minute >= self._learn_until - KEPT_MINUTES:
            references = self._references.setdefault(series, deque())
            while references and references[0][0] < row.minute - KEPT_MINUTES - 60:
                references.popleft()
            references.append((row.minute, line, row.negative > 0, row.copies > 0))

    def finish(self) -> list[BacktestAlert]:
        """Evaluate what is still waiting; alerts that are open then stay open."""
        self._advance(self._seen_minute * 60 + 59)
        return self.alerts

    def _fit(self) -> None:
        """Learning is over: from here on ring by the budget."""
        until_s = self._learn_until * 60
        self._advance(until_s - 1)
        self._taught = True
        if self._budget is not None:
            days = max(1e-6, (until_s - self._heights.from_s) / DAY_S)
            self.rules = fitted(self.rules, self._heights, days, self._budget)
            self._evaluation.use(self.rules)

    def _advance(self, until_s: int) -> None:
        outcome = self._evaluation.advance(self._waiting, until_s, learn_until_s=self._learn_until * 60)
        self._states.update(outcome.states)
        for transition in outcome.drafts:
            self._take(transition)
        self._waiting = {}
        self._in_chunk = 0

    def _take(self, transition: Transition) -> None:
        known = self._fired.get(transition.alert)
        if known is None and (transition.state != "firing" or transition.learning):
            return
        first, _, rows = known or (transition, transition, {})
        at = transition.at_ms // 60_000
        _, begins = spans(at, at, (transition.evidence.window,))
        for minute, line, negative, copies in self._references.get(transition.series, ()):
            if len(rows) >= DOCUMENTS_NAMED:
                break
            speaks = negative if transition.rule == "negative" else copies if transition.rule == "viral" else True
            if begins[0] <= minute <= at and speaks:
                rows[str(line)] = line
        self._fired[transition.alert] = (first, transition, rows)

    @staticmethod
    def _report(fired: tuple[Transition, Transition, dict[str, int]]) -> BacktestAlert:
        first, last, rows = fired
        return replace(reported(first, last, rows), documents=())


def check_span(path: Path, shape: Shape, learn_until: int | None, budget: float | None) -> None:
    """Refuse a learning part or a budget that this history cannot give.

    Raises:
        UserError: saying what would do.
    """
    if learn_until is not None and not shape.first < learn_until <= shape.last:
        raise UserError(
            f"--learn-until {learn_until}: {path} spans the epoch minutes {shape.first} to {shape.last} "
            f"({moment(shape.first)} to {moment(shape.last)} UTC); name one in between"
        )
    if budget is None:
        return
    learned = ((learn_until or shape.last) - shape.first) / 1440
    if not 0.0 < budget <= shape.series * 24.0:
        raise UserError(
            f"--budget {budget:g}: name more than 0 and at most {shape.series * 24:,} alerts a day, one an hour for each of "
            f"the {shape.series:,} series of {path}"
        )
    if learned < FIT_DAYS:
        raise UserError(
            f"--budget {budget:g}: thresholds are fitted on at least {FIT_DAYS} days, {path} has {learned:.1f} to learn "
            "from; take a longer history or a later --learn-until"
        )


def fit_to_whole(path: Path, shape: Shape, rules: Rules, budget: float, done: Callable[[int], None]) -> Rules:
    """Rules fitted to a budget on a whole history.

    Args:
        path: a file that `alerts.counts.check` has passed.
        shape: what that said.
        rules: what they were.
        budget: alerts a day over all series.
        done: told how many rows have been read.
    """
    heights = Heights(from_s=fit_from_s(shape.first, shape.last))
    history = CountsBacktest(listening(rules), first=shape.first, learn_until=shape.last + 1, observe=heights.observe)
    for line, row in read(path):
        history.add(line, row)
        if history.rows % 10_000 == 0:
            done(history.rows)
    history.finish()
    return fitted(rules, heights, ((shape.last + 1) * 60 - heights.from_s) / DAY_S, budget)


def fit_from_s(first: int, last: int) -> int:
    """Event second from which thresholds are fitted on a history of these epoch minutes: behind a third of it, and a day."""
    learned = (last - first) * 60
    return first * 60 + int(max(min(DAY_S, learned / 2), learned * FIT_FROM))
