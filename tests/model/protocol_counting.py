"""What a scorer and an aggregator may do next: `documents` to `scores`, `scores` to Redis."""

from __future__ import annotations

from collections.abc import Iterator

from protocol_state import (
    FROZEN,
    GONE,
    OWNER,
    TAKEN,
    UNKNOWN,
    Aggregator,
    Cast,
    Redis,
    Scorer,
    State,
    with_aggregator,
    with_scorer,
)


class Counting(Cast):
    """Scorers and aggregators."""

    def scorer_steps(self, state: State) -> Iterator[tuple[str, State]]:
        owned = False
        for i, scorer in enumerate(state.scorers):
            if scorer.role != OWNER:
                continue
            owned = True
            if scorer.at < scorer.until:
                yield self._write(state, i, "a scorer")
                if not self.keeps("in_order"):
                    after = with_scorer(state, i, scorer._replace(at=scorer.until))
                    yield f"the scorer's origins from {scorer.at} expire unwritten and it goes on", after
                if not self.keeps("end_on_error"):
                    after = with_scorer(state, i, Scorer(OWNER, scorer.until, scorer.until, scorer.until))
                    passed = after._replace(documents_committed=scorer.until)
                    yield f"the scorer's batch fails at origin {scorer.at}, and it goes on with the next", passed
            elif scorer.position < scorer.until:
                after = with_scorer(state, i, scorer._replace(position=scorer.until))
                yield f"the scorer commits {scorer.until}", after._replace(documents_committed=scorer.until)
            else:
                for size in TAKEN:
                    until = scorer.until + size
                    if until <= len(self.documents):
                        after = with_scorer(state, i, scorer._replace(until=until))
                        if not self.keeps("acknowledge_last"):
                            after = after._replace(documents_committed=until)
                        yield f"the scorer takes origins {scorer.until}..{until - 1}", after
        if not owned:
            for i, scorer in enumerate(state.scorers):
                if scorer.role == GONE:
                    yield self.start_scorer(state, i)
                    return

    def start_scorer(self, state: State, i: int) -> tuple[str, State]:
        at = state.documents_committed
        return f"a scorer starts at origin {at}", with_scorer(state, i, Scorer(OWNER, at, at, at))

    @staticmethod
    def _write(state: State, i: int, who: str) -> tuple[str, State]:
        scorer = state.scorers[i]
        role = GONE if scorer.role == FROZEN and scorer.at + 1 == scorer.until else scorer.role
        after = Scorer() if role == GONE else scorer._replace(at=scorer.at + 1)
        place = len(state.scores)
        written = with_scorer(state, i, after)._replace(scores=(*state.scores, scorer.at))
        return f"{who} writes the score of origin {scorer.at} at offset {place}", written

    def aggregator_steps(self, state: State) -> Iterator[tuple[str, State]]:
        owned = False
        for i, aggregator in enumerate(state.aggregators):
            if aggregator.role != OWNER:
                continue
            owned = True
            if aggregator.batch:
                yield from self._apply(state, i, "the aggregator")
            elif aggregator.position > len(state.scores):
                yield (
                    "the aggregator is out of the log's range and begins at 0",
                    with_aggregator(state, i, Aggregator(OWNER)),
                )
            elif state.redis.pos < aggregator.position and self.keeps("idle_gate") and self.keeps("gate"):
                yield "the aggregator finds that Redis has gone back, and ends", with_aggregator(state, i, Aggregator())
            else:
                for size in TAKEN:
                    batch = state.scores[aggregator.position : aggregator.position + size]
                    if len(batch) == size:
                        after = with_aggregator(state, i, aggregator._replace(batch=batch))
                        yield f"the aggregator reads origins {batch} at offset {aggregator.position}", after
        if not owned:
            for i, aggregator in enumerate(state.aggregators):
                if aggregator.role == GONE:
                    yield from self.start_aggregator(state, i)
                    return

    def start_aggregator(self, state: State, i: int) -> Iterator[tuple[str, State]]:
        redis = state.redis
        if redis.pos > len(state.scores):
            return  # the start is refused: Redis has counted more than the log holds
        if redis.pos < 0:
            redis = redis._replace(pos=0, mark=self.first_mark())
        at = redis.pos if self.keeps("rewind") else state.scores_committed
        after = with_aggregator(state._replace(redis=redis), i, Aggregator(OWNER, at))
        yield f"an aggregator starts at offset {at}", after

    def _apply(self, state: State, i: int, who: str) -> Iterator[tuple[str, State]]:
        aggregator = state.aggregators[i]
        refused, redis = self._count(state.redis, aggregator.position, aggregator.batch)
        until = aggregator.position + len(aggregator.batch)
        label = f"{who} applies {aggregator.batch} of offset {aggregator.position}"
        if refused:
            yield f"{label}: {refused}, and ends", with_aggregator(state, i, Aggregator())
            return
        written = state._replace(redis=redis)
        if aggregator.role == FROZEN:
            yield label, with_aggregator(written, i, Aggregator())
            return
        done = with_aggregator(written, i, Aggregator(OWNER, until))
        yield label, done._replace(scores_committed=until)
        if state.faults.lost_replies:
            left = state.faults._replace(lost_replies=state.faults.lost_replies - 1)
            yield f"{label}, but the answer is lost and it will ask again", written._replace(faults=left)
        if not self.keeps("all_or_nothing"):
            _, part = self._count(state.redis, aggregator.position, aggregator.batch[:1])
            torn = part._replace(mark=state.redis.mark, pos=state.redis.pos)
            yield f"{label}, torn after the first", with_aggregator(state._replace(redis=torn), i, Aggregator())

    def _count(self, redis: Redis, first: int, batch: tuple[int, ...]) -> tuple[str, Redis]:
        """`alerts/lua/count.lua`: why it is refused, or nothing, and Redis afterwards."""
        if self.keeps("gate") and redis.pos < first:
            return "REWIND", redis
        mark = batch[0] - 1 if redis.mark == UNKNOWN else redis.mark
        counts, claims, tail, dirty = list(redis.counts), list(redis.claims), redis.tail, redis.dirty
        for origin in batch:
            if origin > mark + 1 and self.keeps("gap_check"):
                return "GAP", redis
            if origin <= mark and self.keeps("marks"):
                continue
            mark = max(mark, origin)
            document = self.documents[origin]
            if claims[document] not in (-1, origin) and self.keeps("claims"):
                continue
            claims[document] = origin
            counts[document] += 1
            tail, dirty = (*tail, document), dirty + 1
        return "", redis._replace(
            pos=max(redis.pos, first + len(batch)),
            mark=mark,
            counts=tuple(counts),
            claims=tuple(claims),
            tail=tail if self.evaluators else (),
            dirty=dirty if self.evaluators else 0,
        )

    def zombie_steps(self, state: State) -> Iterator[tuple[str, State]]:
        for i, scorer in enumerate(state.scorers):
            if scorer.role == FROZEN:
                yield self._write(state, i, "the scorer that was frozen wakes and")
        for i, aggregator in enumerate(state.aggregators):
            if aggregator.role == FROZEN:
                yield from self._apply(state, i, "the aggregator that was frozen wakes and")
