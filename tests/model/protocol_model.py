"""The delivery protocol as a small pure model: what every process may do next, and what must never come out of it.

One partition of `documents` with three origins, of which the third is the first one published again; two scorers, two
aggregators, two contenders for the evaluator's lead, Redis and the topics. A state is a tuple, a step a pure function from
state to state. Whatever a process does between two looks of the others is one step; it may be killed, or frozen while
others take over and woken later, between any two. Redis may fall back to any earlier state, the broker may lose the end of
`scores`. `protocol_search` walks through all orders of steps.

The rules (`protocol_state.RULES`) are those of deploy/GUARANTEES.md and deploy/decisions/0001-delivery.md; each can be switched off.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocol_counting import Counting
from protocol_evaluating import Evaluating
from protocol_state import (
    FROZEN,
    GONE,
    LEADER,
    OWNER,
    Aggregator,
    Evaluator,
    Scorer,
    State,
    Violation,
    who,
    with_aggregator,
    with_evaluator,
    with_scorer,
)


class Model(Counting, Evaluating):
    """All of it."""

    def start(self) -> State:
        """Everybody is up, nothing has been read."""
        empty = self.empty()
        lead = self.evaluators > 0
        redis = empty._replace(pos=0, mark=self.first_mark(), epoch=int(lead), leader=int(lead))
        return State(
            scores=() if self.scorers else tuple(range(len(self.documents))),
            documents_committed=0,
            scores_committed=0,
            scorers=_first(Scorer(OWNER), Scorer(), self.scorers),
            aggregators=_first(Aggregator(OWNER), Aggregator(), self.aggregators),
            evaluators=tuple(Evaluator(n, int(n == 1), int(n == 1)) for n in range(1, self.evaluators + 1)),
            redis=redis,
            disk=empty,
            alerts=(),
            faults=self.faults,
        )

    # What goes on by itself. The first step that is possible is what a quiet machine would do next: owners before those
    # that were frozen, so that a finished run has its zombies wake last.

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Every step that is no fault: (what happens, the state after it)."""
        yield from self.scorer_steps(state)
        yield from self.aggregator_steps(state)
        yield from self.evaluator_steps(state)
        yield from self.zombie_steps(state)

    # What goes wrong.

    def failures(self, state: State) -> Iterator[tuple[str, State]]:
        """Every fault that may still happen."""
        faults = state.faults
        if faults.crashes:
            crashed = state._replace(faults=faults._replace(crashes=faults.crashes - 1))
            yield from self._crashes(crashed)
        if faults.freezes:
            frozen = state._replace(faults=faults._replace(freezes=faults.freezes - 1))
            yield from self._freezes(frozen)
        if faults.rollbacks and state.redis != state.disk:
            yield "Redis writes its file to the disk", state._replace(disk=state.redis)
            left = faults._replace(rollbacks=faults.rollbacks - 1)
            back = state._replace(redis=state.disk, disk=self.empty(), faults=left)
            yield "Redis is killed and comes back as it was on the disk", back
        if faults.lost_tails and state.scores:
            lost = faults._replace(lost_tails=faults.lost_tails - 1)
            yield (
                f"the broker loses the score of origin {state.scores[-1]}",
                state._replace(scores=state.scores[:-1], faults=lost),
            )

    @staticmethod
    def _crashes(state: State) -> Iterator[tuple[str, State]]:
        for i, scorer in enumerate(state.scorers):
            if scorer.role != GONE:
                yield "kill -9 a scorer", with_scorer(state, i, Scorer())
        for i, aggregator in enumerate(state.aggregators):
            if aggregator.role != GONE:
                yield "kill -9 an aggregator", with_aggregator(state, i, Aggregator())
        for one in state.evaluators:
            if one.role == LEADER:
                yield f"kill -9 {who(one)}", with_evaluator(state, Evaluator(one.name))

    def _freezes(self, state: State) -> Iterator[tuple[str, State]]:
        for i, scorer in enumerate(state.scorers):
            other = next((at for at, each in enumerate(state.scorers) if each.role == GONE), None)
            if scorer.role == OWNER and other is not None:
                asleep = scorer._replace(role=FROZEN) if scorer.at < scorer.until else Scorer()
                label, after = self.start_scorer(with_scorer(state, i, asleep, settle=False), other)
                yield f"a scorer is frozen past its session; {label}", after
        for i, aggregator in enumerate(state.aggregators):
            other = next((at for at, each in enumerate(state.aggregators) if each.role == GONE), None)
            if aggregator.role == OWNER and other is not None:
                asleep_one = aggregator._replace(role=FROZEN) if aggregator.batch else Aggregator()
                taken = with_aggregator(state, i, asleep_one, settle=False)
                for label, after in self.start_aggregator(taken, other):
                    yield f"an aggregator is frozen past its session; {label}", after
        if state.redis.leader:
            label = f"evaluator {state.redis.leader} is frozen past its lease"
            yield label, state._replace(redis=state.redis._replace(leader=0))

    # What must hold.

    def check(self, state: State) -> None:
        """What must hold at any moment."""
        for document, count in enumerate(state.redis.counts):
            if count > 1:
                raise Violation(f"double: document {document} is counted {count} times")
        evaluated = state.redis.evaluated
        if len(set(evaluated)) < len(evaluated):
            raise Violation(f"double: the evaluator has taken documents {evaluated}")
        if len(dict(state.alerts)) < len(set(state.alerts)):
            raise Violation(f"one key, two transitions: {state.alerts}")
        calm = (state.faults.freezes, state.faults.rollbacks) == (self.faults.freezes, self.faults.rollbacks)
        if calm and len(state.alerts) > len(set(state.alerts)):
            raise Violation(f"a transition twice in the topic, and nothing was frozen or went back: {state.alerts}")

    def check_rest(self, state: State) -> None:
        """What must hold when nothing is left to do."""
        if state.redis.counts != (1,) * len(state.redis.counts):
            raise Violation(f"lost: counted {state.redis.counts}, and nothing is left to do")
        if self.evaluators:
            if set(state.redis.evaluated) != set(self.documents):
                raise Violation(f"a wake-up lost: evaluated {state.redis.evaluated}, and nothing is left to do")
            if sorted(number for number, _ in set(state.alerts)) != list(range(1, len(state.redis.evaluated) + 1)):
                raise Violation(f"lost: the topic `alerts` has {state.alerts}, and nothing is left to do")

    def may_stop(self, state: State) -> bool:
        """Whether counting may stop for good, saying so: only where the broker has lost something."""
        return state.faults.lost_tails < self.faults.lost_tails

    def check_standstill(self, state: State) -> None:
        """What must hold when processes start and end for ever."""
        if not self.may_stop(state):
            raise Violation("it stands still: the same steps come again and again")

    def says_so(self, state: State) -> bool:
        """Whether one can see that something is missing: nobody may start, or the mark is behind the documents."""
        running = any(one.role == OWNER for one in state.aggregators)
        return not running or state.redis.mark < len(self.documents) - 1


def _first(first: object, others: object, count: int) -> tuple:  # type: ignore[type-arg] - of whatever it is given
    return tuple(sorted((first, *(others,) * (count - 1)))) if count else ()  # type: ignore[type-var]
