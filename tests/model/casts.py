"""Who takes part in which search: the smallest cast in which each rule is needed, and those in which nothing may go wrong."""

from __future__ import annotations

from protocol_model import Model
from protocol_state import Faults

# Found wanting without its rule, and good with it.
NEEDED: dict[str, Model] = {
    "in_order": Model(scorers=1, aggregators=1, evaluators=0, faults=Faults()),
    "acknowledge_last": Model(scorers=1, aggregators=1, evaluators=0, faults=Faults(crashes=1)),
    "gate": Model(scorers=0, aggregators=1, evaluators=0, faults=Faults(rollbacks=1)),
    "marks": Model(scorers=1, aggregators=1, evaluators=0, faults=Faults(crashes=1)),
    "gap_check": Model((0, 1, 2), scorers=1, aggregators=1, evaluators=0, faults=Faults(lost_tails=1)),
    "beginning": Model((0, 1, 2), scorers=1, aggregators=1, evaluators=0, faults=Faults(lost_tails=1)),
    "idle_gate": Model(scorers=0, aggregators=1, evaluators=0, faults=Faults(rollbacks=1)),
    "rewind": Model(scorers=0, aggregators=1, evaluators=0, faults=Faults(rollbacks=1)),
    "all_or_nothing": Model(scorers=0, aggregators=1, evaluators=0, faults=Faults()),
    "claims": Model(scorers=0, aggregators=1, evaluators=0, faults=Faults()),
    "end_on_error": Model(scorers=1, aggregators=1, evaluators=0, faults=Faults()),
    "versioned_dirty": Model(scorers=0, aggregators=1, evaluators=1, faults=Faults()),
    "fencing": Model(scorers=0, aggregators=1, evaluators=2, faults=Faults(freezes=1)),
    "place": Model(scorers=0, aggregators=1, evaluators=1, faults=Faults(rollbacks=1)),
    "same_tail": Model(scorers=0, aggregators=1, evaluators=1, faults=Faults(rollbacks=1)),
    "unsent": Model(scorers=0, aggregators=1, evaluators=1, faults=Faults(crashes=1)),
    "learn": Model(scorers=0, aggregators=1, evaluators=1, faults=Faults(crashes=1)),
}

# Searched to the end in a few seconds each.
WHOLE: dict[str, Model] = {
    "two scorers killed and frozen": Model(aggregators=1, evaluators=0, faults=Faults(crashes=1, freezes=1)),
    "two aggregators, Redis goes back": Model(
        scorers=0, evaluators=0, faults=Faults(crashes=1, freezes=1, lost_replies=1, rollbacks=1)
    ),
    "the broker loses a score": Model(
        (0, 1, 2), scorers=1, aggregators=1, evaluators=0, faults=Faults(crashes=1, rollbacks=1, lost_tails=1)
    ),
    "the leader is frozen, Redis goes back": Model(
        (0, 1), scorers=0, aggregators=1, faults=Faults(freezes=1, rollbacks=1)
    ),
    "the leader is killed, Redis goes back": Model(
        (0, 1), scorers=0, aggregators=1, faults=Faults(crashes=1, rollbacks=1)
    ),
}

# Everybody at once, to a depth. A document twice is the business of the smaller casts.
TOGETHER = Model((0, 1), faults=Faults(crashes=1, freezes=1, lost_replies=1, rollbacks=1))
