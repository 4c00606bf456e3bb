"""What a contender for the evaluator's lead may do next: tails to transitions, transitions to the topic `alerts`."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_state import LEADER, PRODUCED, READ, STANDBY, Cast, Evaluator, State, Violation, who, with_evaluator


class Evaluating(Cast):
    """Evaluators."""

    def evaluator_steps(self, state: State) -> Iterator[tuple[str, State]]:
        redis = state.redis
        for one in state.evaluators:
            if one.role == STANDBY:
                if not redis.leader:
                    yield self._lead(state, one)
            elif one.sending:
                yield self._send(state, one)
            elif one.look:
                yield self._commit(state, one)
            elif redis.unsent:
                reading = one._replace(sending=(READ, redis.unsent))
                yield f"{who(one)} reads what is unsent", with_evaluator(state, reading)
            elif self.keeps("fencing") and (one.epoch != redis.epoch or redis.leader not in (0, one.name)):
                yield f"{who(one)} cannot renew its lease and steps down", with_evaluator(state, Evaluator(one.name))
            elif redis.dirty and redis.tail:
                renewed = state._replace(redis=redis._replace(leader=one.name))
                memory = redis.evaluated if self.keeps("place") else one.memory
                for ready in sorted({1, len(redis.tail)}):
                    looking = one._replace(memory=memory, look=(ready, redis.tail, redis.dirty))
                    label = f"{who(one)} looks: {ready} of the tail {redis.tail} may be evaluated"
                    yield label, with_evaluator(renewed, looking)
        if redis.leader and not any(one.name == redis.leader and one.role == LEADER for one in state.evaluators):
            yield "the lease runs out", state._replace(redis=redis._replace(leader=0))

    def _lead(self, state: State, one: Evaluator) -> tuple[str, State]:
        redis = state.redis
        known = max((number for number, _ in state.alerts), default=0) if self.keeps("learn") else 0
        lead = Evaluator(one.name, LEADER, redis.epoch + 1, redis.evaluated, known=known)
        taken = state._replace(redis=redis._replace(epoch=redis.epoch + 1, leader=one.name))
        return f"{who(lead)} leads", with_evaluator(taken, lead)

    def _commit(self, state: State, one: Evaluator) -> tuple[str, State]:
        """`alerts/lua/commit.lua`."""
        redis = state.redis
        ready, tail, version = one.look  # type: ignore[misc] - looked at by the caller
        label = f"{who(one)} commits {tail[:ready]} after {one.memory}"
        if one.epoch != redis.epoch:
            if self.keeps("fencing"):
                return f"{label}: FENCED, steps down", with_evaluator(state, Evaluator(one.name))
            if state.faults.rollbacks == self.faults.rollbacks:
                raise Violation(f"two evaluators write: {label}, while epoch {redis.epoch} leads")
        if self.keeps("place") and one.memory != redis.evaluated:
            return f"{label}: STALE", with_evaluator(state, one._replace(look=(), memory=redis.evaluated))
        if self.keeps("same_tail") and redis.tail[: len(tail)] != tail:
            return f"{label}: STALE", with_evaluator(state, one._replace(look=(), memory=redis.evaluated))
        evaluated = one.memory + tail[:ready]
        left = tail[ready:] + redis.tail[len(tail) :]
        cleared = (not left and redis.dirty == version) or not self.keeps("versioned_dirty")
        found = tuple((len(one.memory) + 1 + at, document) for at, document in enumerate(tail[:ready]))
        unsent, sending = redis.unsent, one.sending
        if self.keeps("unsent"):
            unsent = tuple(sorted({*unsent, *found}))
        else:
            sending = (READ, found)
        after = redis._replace(tail=left, dirty=0 if cleared else redis.dirty, evaluated=evaluated, unsent=unsent)
        leader = one._replace(memory=evaluated, look=(), sending=sending)
        return label, with_evaluator(state, leader)._replace(redis=after)

    def _send(self, state: State, one: Evaluator) -> tuple[str, State]:
        """`alerts/outbox.py` and `alerts/lua/mark_sent.lua`."""
        redis = state.redis
        stage, numbers = one.sending  # type: ignore[misc] - looked at by the caller
        if stage == READ:
            fresh = tuple(each for each in numbers if each[0] > one.known)
            known = max([one.known, *(number for number, _ in fresh)])
            after = with_evaluator(state, one._replace(sending=(PRODUCED, numbers), known=known))
            return f"{who(one)} produces transitions {fresh}", after._replace(alerts=state.alerts + fresh)
        if one.epoch != redis.epoch and self.keeps("fencing"):
            return f"{who(one)} marks as sent: FENCED, steps down", with_evaluator(state, Evaluator(one.name))
        left = tuple(each for each in redis.unsent if each not in numbers)
        after = with_evaluator(state, one._replace(sending=()))
        return f"{who(one)} marks {numbers} as sent", after._replace(redis=redis._replace(unsent=left))
