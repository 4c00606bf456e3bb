"""What Kafka and Redis are told, and how it is known that they answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tocsin.stack import kafka, ports, redis


def test_the_broker_stamps_append_time_and_makes_no_topic_by_itself() -> None:
    settings = dict(line.split("=", 1) for line in kafka.properties(Path("/d"), 1, 2).splitlines())
    assert settings["log.message.timestamp.type"] == "LogAppendTime"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == "0"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    ids = {kafka._cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert not any(each.startswith("-") for each in ids)
    assert {len(each) for each in ids} == {22}


def test_redis_keeps_every_second_and_forgets_nothing_to_save_memory() -> None:
    settings = dict(line.split(" ", 1) for line in redis.configuration(Path("/with space"), 7).splitlines())
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["dir"] == '"/with space"'


def test_nobody_there_is_no_answer() -> None:
    port = ports.free_port()
    assert not kafka.answers(f"127.0.0.1:{port}")
    assert not redis.answers(f"redis://127.0.0.1:{port}/0")


@pytest.mark.parametrize("reply", [b"", b"-LOADING Redis is loading the dataset in memory\r\n", b"HTTP/1.1 400 no\r\n"])
def test_somebody_else_on_the_port_is_no_answer(reply: bytes) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            assert not redis.answers(f"redis://127.0.0.1:{port}/0")
            assert not kafka.answers(f"127.0.0.1:{port}")
        finally:
            thread.join()


def test_a_password_is_not_shown() -> None:
    assert redis.without_password("redis://user:secret@host:6379/1") == "redis://host:6379/1"


def test_ports_follow_their_base_or_are_any_that_are_free() -> None:
    assert ports.plan(["desk", "kafka"], 9000) == {"desk": 9000, "kafka": 9001}
    free = ports.plan(["desk", "kafka"], 0)
    assert len(set(free.values())) == 2
    with pytest.raises(ValueError, match="cannot start at 80"):
        ports.plan(["desk"], 80)


@pytest.mark.parametrize("wrong", ["localhost", "host:", ":9092", "host:port", "host:70000"])
def test_an_address_without_host_or_port_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        ports.split(wrong)
