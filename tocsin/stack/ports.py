"""Ports of the local stack: which are free, who holds one that is not."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


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
