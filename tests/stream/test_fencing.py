"""Leases on the real Redis: whatever contenders, time and a Redis that goes back do, the newest epoch is alone in writing.

An independent model says who may hold the lease; the real scripts must agree after any history.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis

from alerts import keys
from contracts.errors import Fenced
from stream.lease import Lease
from stream.scripts import Script

MARK_SENT = Script("alerts.lua", "mark_sent")
WHO = st.sampled_from(["one", "two", "three"])


class Contenders(RuleBasedStateMachine):
    """Three contenders for one lease; each may be frozen (it just does nothing), and wake with an old epoch."""

    redis: Redis

    @initialize()
    def begin(self) -> None:
        self.redis.flushall()
        self.leases = {name: Lease(self.redis, keys.LEASE, name, 60.0) for name in ("one", "two", "three")}
        self.holder: str | None = None  # whom the lease names
        self.epochs: list[int] = []  # given out, oldest first
        self.newest: str | None = None  # who got the last of them

    @rule(who=WHO)
    def acquire(self, who: str) -> None:
        got = self.leases[who].acquire()
        assert got == (self.holder is None)
        if got:
            self.holder = self.newest = who
            self.epochs.append(self.leases[who].epoch or 0)

    @rule(who=WHO)
    def renew(self, who: str) -> None:
        had = self.leases[who].epoch
        kept = self.leases[who].renew()
        assert kept == (had is not None and had == self._last() and self.holder in (None, who))
        assert (self.leases[who].epoch is not None) == kept
        if kept:
            self.holder = who

    @rule(who=WHO)
    def release(self, who: str) -> None:
        held = self.leases[who].epoch is not None
        self.leases[who].release()
        assert self.leases[who].epoch is None
        if held and self.holder == who:
            self.holder = None

    @rule()
    def time_passes(self) -> None:
        self.redis.delete(f"lease:{keys.LEASE}")
        self.holder = None

    @rule(who=WHO)
    def write(self, who: str) -> None:
        epoch = self.leases[who].epoch
        if epoch is None:
            return
        self.redis.hset(keys.UNSENT, "field", who)
        try:
            MARK_SENT.run(self.redis, epoch, "field")
        except Fenced:
            assert epoch != self._last()
            assert self.redis.hget(keys.UNSENT, "field") == who.encode(), "what was refused wrote nothing"
        else:
            assert epoch == self._last()
            assert who == self.newest

    @invariant()
    def epochs_only_grow(self) -> None:
        epochs = getattr(self, "epochs", [])
        assert epochs == sorted(set(epochs))

    def _last(self) -> int:
        return self.epochs[-1] if self.epochs else 0


def test_in_any_history_the_newest_epoch_is_alone_in_writing(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        Contenders.redis = redis
        run_state_machine_as_test(
            Contenders,
            settings=settings(
                max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
