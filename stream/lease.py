"""A lease in Redis with a fencing epoch: one leader writes, and a leader that lost its lease is refused by its epoch.

The lease says who should lead; the epoch is what protects. Every write of a leader is a script that compares the epoch it
was given with the one in Redis, so a leader that was frozen past its lease does no harm when it wakes.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from stream.scripts import Script

_ACQUIRE = Script("stream.lua", "acquire_lease")
_RENEW = Script("stream.lua", "renew_lease")
_RELEASE = Script("stream.lua", "release_lease")


@dataclass(slots=True)
class Lease:
    """One contender for a lease.

    Attributes:
        name: keys `lease:{name}` and `epoch:{name}`.
        owner: who this contender is; unique per process.
        ttl_s: a holder that is silent this long loses it.
        epoch: the fencing epoch while held, else None.
    """

    redis: Redis
    name: str
    owner: str
    ttl_s: float
    epoch: int | None = None

    def acquire(self) -> bool:
        """Try to take the lease; True when this contender holds it now, with a new epoch."""
        answer = _ACQUIRE.run(self.redis, self.name, self.owner, int(self.ttl_s * 1000))
        self.epoch = int(answer) if answer else None
        return self.epoch is not None

    def renew(self) -> bool:
        """Hold it for another `ttl_s`; False when it is lost, and then `epoch` is None."""
        if self.epoch is None:
            return False
        if not _RENEW.run(self.redis, self.name, self.owner, int(self.ttl_s * 1000), self.epoch):
            self.epoch = None
        return self.epoch is not None

    def release(self) -> None:
        """Give it up, so that a standby need not wait for it to expire."""
        if self.epoch is not None:
            _RELEASE.run(self.redis, self.name, self.owner)
            self.epoch = None
