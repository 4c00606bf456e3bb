"""The words of the delivery protocol's model: its rules, its processes and stores, and what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

# rule -> (what it says, where the code keeps it)
RULES: dict[str, tuple[str, str]] = {
    "in_order": (
        "a scorer writes a batch whole before it takes the next",
        "inference/app.py ScorerStage._send awaits every acknowledgement",
    ),
    "acknowledge_last": (
        "documents are acknowledged after their scores are on the log",
        "stream/worker.py run: event.ack() after stage.process",
    ),
    "gate": ("a batch must continue what Redis has of `scores`", "alerts/lua/count.lua 1, REWIND"),
    "marks": ("an origin at or below the mark is a repeat", "alerts/lua/count.lua 2"),
    "gap_check": ("an origin beyond mark + 1 stops counting", "alerts/lua/count.lua 2, GAP"),
    "beginning": (
        "where the logs have lost nothing, the first origin counted is 0",
        "alerts/lua/begin_partition.lua HSETNX mark",
    ),
    "idle_gate": (
        "an aggregator with nothing to read looks whether Redis has gone back behind it",
        "stream/worker.py _verify_between_batches, alerts/aggregator.py verify",
    ),
    "rewind": (
        "an aggregator starts at the position in Redis, not at the committed offset",
        "alerts/aggregator.py positions, alerts/lua/begin_partition.lua",
    ),
    "all_or_nothing": ("a batch, its marks and its position are one write", "alerts/lua/count.lua is one script"),
    "claims": ("a document id counted from another origin was published twice", "alerts/lua/count.lua 3"),
    "end_on_error": ("an error ends the process, nothing passes over its batch", "stream/worker.py die"),
    "versioned_dirty": (
        "a dirty mark is cleared only at the version that was read, with nothing left to read",
        "alerts/lua/commit.lua HDEL dirty",
    ),
    "fencing": ("only the newest epoch of the lead writes", "alerts/lua/commit.lua FENCED, stream/lua"),
    "place": ("a commit starts where Redis says the evaluator stands", "alerts/lua/commit.lua STALE, from"),
    "same_tail": ("a commit trims the very bytes that were read", "alerts/lua/commit.lua STALE, the first loop"),
    "unsent": ("a transition is durable in Redis before it is produced", "alerts/lua/commit.lua HSET unsent"),
    "learn": ("a new leader reads the topic `alerts` to its end", "alerts/outbox.py Outbox.learn"),
}

UNKNOWN = -2  # no mark yet: any first origin is taken
GONE, OWNER, FROZEN = range(3)
STANDBY, LEADER = range(2)
READ, PRODUCED = range(2)
TAKEN = (1, 2)  # sizes of a batch

Number = tuple[int, int]  # number of a transition, the document that made it


class Scorer(NamedTuple):
    """A scorer: origins [position, until) are in flight, those below `at` are written."""

    role: int = GONE
    position: int = 0
    at: int = 0
    until: int = 0


class Aggregator(NamedTuple):
    """An aggregator: `batch` are the origins that it read from offset `position` on and has not applied."""

    role: int = GONE
    position: int = 0
    batch: tuple[int, ...] = ()


class Evaluator(NamedTuple):
    """A contender. `memory`: documents it believes evaluated; `look`: (how many are ready, tail, version) as read."""

    name: int
    role: int = STANDBY
    epoch: int = 0
    memory: tuple[int, ...] = ()
    look: tuple[int, tuple[int, ...], int] | tuple[()] = ()
    sending: tuple[int, tuple[Number, ...]] | tuple[()] = ()
    known: int = 0


class Redis(NamedTuple):
    """What Redis holds. Tail, dirty and evaluated are those of one series, which every document counts in.

    `leader` is the name in the lease, 0 when it has run out.
    """

    pos: int = -1
    mark: int = UNKNOWN
    counts: tuple[int, ...] = ()
    claims: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()
    dirty: int = 0
    evaluated: tuple[int, ...] = ()
    unsent: tuple[Number, ...] = ()
    epoch: int = 0
    leader: int = 0


class Faults(NamedTuple):
    """How much more may go wrong."""

    crashes: int = 0
    freezes: int = 0
    lost_replies: int = 0
    rollbacks: int = 0
    lost_tails: int = 0


class State(NamedTuple):
    """Everything."""

    scores: tuple[int, ...]
    documents_committed: int
    scores_committed: int
    scorers: tuple[Scorer, ...]
    aggregators: tuple[Aggregator, ...]
    evaluators: tuple[Evaluator, ...]
    redis: Redis
    disk: Redis
    alerts: tuple[Number, ...]
    faults: Faults


class Violation(Exception):
    """Something came out that must never come out."""


@dataclass(frozen=True)
class Cast:
    """Who takes part, what may go wrong, and the rules that are kept.

    Attributes:
        documents: the document id of each origin.
        scorers, aggregators, evaluators: how many of each; without scorers the scores are there from the beginning.
        faults: how much may go wrong.
        off: rules that are switched off.
    """

    documents: tuple[int, ...] = (0, 1, 0)
    scorers: int = 2
    aggregators: int = 2
    evaluators: int = 2
    faults: Faults = field(default_factory=Faults)
    off: frozenset[str] = frozenset()

    def empty(self) -> Redis:
        ids = max(self.documents) + 1
        return Redis(counts=(0,) * ids, claims=(-1,) * ids)

    def first_mark(self) -> int:
        return -1 if self.keeps("beginning") else UNKNOWN

    def keeps(self, rule: str) -> bool:
        """Whether this rule is on."""
        return rule not in self.off


# Processes of one kind are alike: their order says nothing, so it is always the sorted one (symmetry reduction).


def with_scorer(state: State, i: int, scorer: Scorer, *, settle: bool = True) -> State:
    changed = [*state.scorers[:i], scorer, *state.scorers[i + 1 :]]
    return state._replace(scorers=tuple(sorted(changed) if settle else changed))


def with_aggregator(state: State, i: int, aggregator: Aggregator, *, settle: bool = True) -> State:
    changed = [*state.aggregators[:i], aggregator, *state.aggregators[i + 1 :]]
    return state._replace(aggregators=tuple(sorted(changed) if settle else changed))


def with_evaluator(state: State, changed: Evaluator) -> State:
    return state._replace(evaluators=tuple(changed if one.name == changed.name else one for one in state.evaluators))


def who(one: Evaluator) -> str:
    return f"evaluator {one.name} with epoch {one.epoch}"
