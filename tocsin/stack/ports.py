"""Ports of the local stack: which are free, who holds one that is not."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"
# 8700 and the two dozen after it are assigned to nothing that runs beside Tocsin.
BASE = 8700


def plan(names: list[str], base: int = BASE) -> dict[str, int]:
    """A port per name: `base` and those after it, or with base 0 any that are free.

    Raises:
        ValueError: the range does not fit.
    """
    if base == 0:
        return dict(zip(names, free_ports(len(names)), strict=True))
    if not 1024 <= base <= 65535 - len(names):
        raise ValueError(f"a range of {len(names)} ports cannot start at {base}")
    return {name: base + place for place, name in enumerate(names)}


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on now, chosen by the system."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def taken(port: int, host: str = HOST) -> bool:
    """Whether a server could not listen on `port` now.

    The address is bound as a server binds it (SO_REUSEADDR), so that a stack that was stopped a second ago does not
    stand in its own way.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
        return False


def holder(port: int) -> str:
    """The process that listens on `port`, as `name (pid)`, or an empty string where the system does not tell."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.pid
            and connection.laddr
            and connection.laddr.port == port
        ):
            try:
                return f"{psutil.Process(connection.pid).name()} ({connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""


def accepts(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def split(address: str) -> tuple[str, int]:
    """`host:port` as a pair.

    Raises:
        ValueError: it is not that.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not HOST:PORT")
    return host.strip("[]"), int(port)
