"""One leader at a time on a real Redis, each with a higher epoch."""

from __future__ import annotations

import pytest
from redis import Redis

from stream.lease import Lease


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


def contenders(redis: Redis) -> tuple[Lease, Lease]:
    return Lease(redis, "evaluator", "one", 5.0), Lease(redis, "evaluator", "two", 5.0)


def test_only_one_contender_holds_the_lease(redis: Redis) -> None:
    one, two = contenders(redis)
    assert one.acquire()
    assert not two.acquire()
    assert two.epoch is None
    assert one.renew()


def test_a_lease_given_back_is_taken_at_once_with_a_higher_epoch(redis: Redis) -> None:
    one, two = contenders(redis)
    one.acquire()
    first = one.epoch
    one.release()
    assert two.acquire()
    assert first is not None
    assert two.epoch == first + 1


def test_a_holder_that_was_replaced_cannot_renew(redis: Redis) -> None:
    one, two = contenders(redis)
    one.acquire()
    redis.delete("lease:evaluator")  # it expired while `one` was frozen
    assert two.acquire()
    assert not one.renew()
    assert one.epoch is None
    assert two.renew()


def test_a_lease_that_expired_and_that_nobody_took_is_still_ours(redis: Redis) -> None:
    one, two = contenders(redis)
    one.acquire()
    redis.delete("lease:evaluator")
    assert one.renew()
    assert not two.acquire()


def test_a_redis_that_lost_the_epoch_ends_the_lead(redis: Redis) -> None:
    one, _ = contenders(redis)
    one.acquire()
    redis.flushall()
    assert not one.renew()


def test_another_cannot_give_it_back(redis: Redis) -> None:
    one, two = contenders(redis)
    one.acquire()
    two.epoch = one.epoch
    two.release()
    assert one.renew()
